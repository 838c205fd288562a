/* A program's connect(), wrapped as proxychains and its like wrap it: what is meant for port WRAP_FROM of this machine
   goes to port WRAP_TO instead. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    int (*next)(int, const struct sockaddr *, socklen_t);
    const char *from = getenv("WRAP_FROM"), *to = getenv("WRAP_TO");
    void *symbol = dlsym(RTLD_NEXT, "connect");
    memcpy(&next, &symbol, sizeof next);
    if (from && to && address->sa_family == AF_INET) {
        struct sockaddr_in changed;
        memcpy(&changed, address, sizeof changed);
        if (changed.sin_port == htons((in_port_t)atoi(from))) {
            changed.sin_port = htons((in_port_t)atoi(to));
            return next(fd, (const struct sockaddr *)&changed, sizeof changed);
        }
    }
    return next(fd, address, length);
}
