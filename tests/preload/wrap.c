/* Functions of libc, wrapped as proxychains and its like wrap them: connections to port WRAP_FROM of this machine go to
   port WRAP_TO instead, and every name has the address WRAP_NAMES. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
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

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    const char *address = getenv("WRAP_NAMES");
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&next, &symbol, sizeof next);
    return next(address ? address : name, service, hints, found);
}
