/* Standard input, output and error, as the one who started the program left them. */
#ifndef BATON_COMMON_STREAMS_H
#define BATON_COMMON_STREAMS_H

/* Call first in main. A closed one of the three would give its number to the next file or socket,
 * and what is printed would land there: it is filled with a descriptor on which every read or write
 * fails. Aborts when there is none. */
void streams_reserve(void);

#endif
