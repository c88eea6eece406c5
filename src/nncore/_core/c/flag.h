/* A flag that one thread raises and others see soon afterwards. */
#ifndef NNCORE_FLAG_H
#define NNCORE_FLAG_H

typedef struct {
    volatile int raised;
} Flag;

#if defined(__GNUC__)
static inline int is_raised(const Flag *flag) { return __atomic_load_n(&flag->raised, __ATOMIC_RELAXED); }
static inline void raise_flag(Flag *flag) { __atomic_store_n(&flag->raised, 1, __ATOMIC_RELAXED); }
#else
static inline int is_raised(const Flag *flag) { return flag->raised; }
static inline void raise_flag(Flag *flag) { flag->raised = 1; }
#endif

#endif
