/*
 * What newer compilers call in code with ThreadSanitizer and gcc's older runtime library does not have under these
 * names: the functions that it intercepts.
 */

#include <string.h>

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memset(void *to, int byte, size_t size);

void *__attribute__((weak)) __tsan_memcpy(void *to, const void *from, size_t size)
{
    return memcpy(to, from, size);
}

void *__attribute__((weak)) __tsan_memmove(void *to, const void *from, size_t size)
{
    return memmove(to, from, size);
}

void *__attribute__((weak)) __tsan_memset(void *to, int byte, size_t size)
{
    return memset(to, byte, size);
}
