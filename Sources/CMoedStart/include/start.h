#ifndef MOED_START_H
#define MOED_START_H

/* What a program does before its main function; linked by being named here. */
int moed_start_is_linked(void);

#endif
