/* What a supervisor must not keep open: ends of the caller's pipes, which tell when CMD closes them. */
#ifndef DHARMA_RUN_DESCRIPTORS_H
#define DHARMA_RUN_DESCRIPTORS_H

/* Closes all descriptors from 3 on, but for `keep` (and `also`; may be equal). Fails closed. */
void descriptors_close_inherited(int keep, int also);
/* Closes all descriptors from 3 on. Fails closed. */
void descriptors_close_all(void);
/* Turns 0 and 1 to /dev/null; standard error stays, for the last word. Fails closed. */
void descriptors_release_standard(void);

#endif
