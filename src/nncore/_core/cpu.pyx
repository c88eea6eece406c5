"""The instruction sets of this processor that the operating system supports as well."""

cdef extern from *:
    """
    #if defined(__GNUC__) && defined(__x86_64__)
    static int runs_avx2(void)
    {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    }
    static int runs_avx512(void)
    {
        return runs_avx2()
            && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    }
    #else
    static int runs_avx2(void) { return 0; }
    static int runs_avx512(void) { return 0; }
    #endif
    #if defined(__GNUC__) && defined(__aarch64__)
    static int runs_neon(void) { return 1; } /* as every 64-bit ARM */
    #else
    static int runs_neon(void) { return 0; }
    #endif
    """
    int runs_avx2() nogil
    int runs_avx512() nogil
    int runs_neon() nogil


def runnable_levels():
    """Return the names of the instruction-set levels that this processor can run, best first."""
    levels = ["base"]
    if runs_neon():
        levels.insert(0, "neon")
    if runs_avx2():
        levels.insert(0, "avx2")
    if runs_avx512():
        levels.insert(0, "avx512")
    return levels
