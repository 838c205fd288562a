/* How the soak makes the simulator misbehave. */

#ifndef CONTROL_H
#define CONTROL_H

/* A thread's own connection to the simulator, kept open. */
struct control {
    int socket;
};

void control_open(struct control *);
void control_close(struct control *);

/* One request to /_simulator/NAME; the program ends if it is refused, since then nothing would be proven. */
void control(struct control *, const char *method, const char *name, const char *body);

#endif
