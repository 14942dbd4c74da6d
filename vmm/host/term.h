/* host/term.h: the user's terminal in raw mode, and back on every way out.
 *
 * While raw, the terminal belongs to the guest: no echo, no line editing, no
 * signals from keys, 8 bits both ways.  Output processing is switched off too
 * when stdout is the same terminal, because a full-screen program in the guest
 * means a bare LF when it sends one; when stdout goes elsewhere it is left as it
 * is, for the sake of others who print here (`bantam run | less`).  log_set_crlf()
 * is switched along.
 *
 * The mode comes back at exit(), on signals that end the process, and while it
 * is stopped by SIGTSTP; SIGCONT makes it raw again if we are in front.  In the
 * background the terminal is the shell's and stays untouched.
 *
 * There is one user and one terminal: the state is global because a signal
 * handler has to find it. */
#ifndef BANTAM_HOST_TERM_H
#define BANTAM_HOST_TERM_H

#include "base/types.h"

/* Put terminal fd into raw mode; again and again is harmless.
 * fd  stays open until term_restore()
 * 0; -ENOTTY if fd is no terminal; -EAGAIN if this process is in the background
 * (ask again later); another -errno of tcsetattr(3). */
int term_raw(int fd);

/* Give the terminal its first mode back.  Harmless when it is not raw.
 * Async-signal-safe. */
void term_restore(void);

/* Whether reading from terminal fd and changing it is ours to do: we are in its
 * foreground process group, or it is not our controlling terminal. */
bool term_foreground(int fd);

#endif
