#define _POSIX_C_SOURCE 200809L

#include "control.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

void control_open(struct control *control)
{
    const char *url = getenv("ATLAS_SIMULATOR_PLAIN_URL");
    struct sockaddr_in address;
    int one = 1;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (url == NULL || strncmp(url, "http://127.0.0.1:", 17) != 0) {
        fprintf(stderr, "This is run by the simulator of Atlas: make soak\n");
        exit(2);
    }
    address.sin_port = htons((uint16_t)atoi(url + 17));
    control->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (control->socket < 0 || connect(control->socket, (struct sockaddr *)&address, sizeof address) != 0)
        fail("cannot connect to the simulator");
    setsockopt(control->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void control_close(struct control *control)
{
    close(control->socket);
}

/* The status of the answer; 0 if the connection ended before it. Answers are short and come in one piece or two. */
static int ask(struct control *control, const char *request, size_t length)
{
    char answer[4096];
    size_t read_so_far = 0;
    const char *body, *announced;

    if (send(control->socket, request, length, MSG_NOSIGNAL) != (ssize_t)length)
        return 0;
    for (;;) {
        ssize_t count = recv(control->socket, answer + read_so_far, sizeof answer - 1 - read_so_far, 0);

        if (count <= 0)
            return 0;
        read_so_far += (size_t)count;
        answer[read_so_far] = '\0';
        body = strstr(answer, "\r\n\r\n");
        announced = strstr(answer, "Content-Length: ");
        if (body != NULL && announced != NULL && strlen(body + 4) >= (size_t)atoi(announced + 16))
            return atoi(answer + strlen("HTTP/1.1 "));
    }
}

void control(struct control *control, const char *method, const char *name, const char *body)
{
    char request[2048];
    int length = snprintf(request, sizeof request,
                          "%s /_simulator/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%s", method, name,
                          strlen(body), body);
    int status;

    if (length < 0 || (size_t)length >= sizeof request) {
        fprintf(stderr, "too long: %s\n", body);
        exit(2);
    }
    status = ask(control, request, (size_t)length);
    if (status == 0) { /* the simulator drops idle connections when it is told to, this one among them */
        control_close(control);
        control_open(control);
        status = ask(control, request, (size_t)length);
    }
    if (status != 200) {
        fprintf(stderr, "the simulator answered %d to %s %s %s\n", status, method, name, body);
        exit(2);
    }
}
