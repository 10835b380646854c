# One image for all of Baton: broker, workers, command line, web. docker-compose.yml says who runs what.
# What builds stays in the first stage; the second has the programs and the libraries that they need.
FROM docker.io/library/debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/deps scripts/deps
RUN scripts/deps --run && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset package && cmake --build build/package -j2 && DESTDIR=/out cmake --install build/package

FROM docker.io/library/debian:bookworm-slim
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    libzmq5 libsqlite3-0 libprotobuf-c1 libjansson4 libyaml-0-2 libmicrohttpd12 libxxhash0 libglib2.0-0 libpq5 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 baton && useradd --uid 10001 --gid baton --home-dir /var/lib/baton --shell /usr/sbin/nologin baton \
 && install -d -o baton -g baton -m 0750 /var/lib/baton /var/lib/baton-worker /run/baton /workspace \
 # Where PostgreSQL's socket will be, as its own image has it: a volume takes its mode from whoever has it first.
 && install -d -m 3777 /run/postgresql
COPY --from=build /out/ /
USER baton
ENV BATON_ENDPOINT=ipc:///run/baton/broker.sock
CMD ["batond", "--data", "/var/lib/baton"]
