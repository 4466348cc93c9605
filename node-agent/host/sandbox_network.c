/* The step's own network: a loopback that leads nowhere but to the agent's listener. */

#include "sandbox.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { backlog = 64 };

static int bring_up_loopback(void) {
  struct ifreq request;
  memset(&request, 0, sizeof(request));
  strcpy(request.ifr_name, "lo");
  int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 || ioctl(descriptor, SIOCGIFFLAGS, &request) != 0) return -1;
  request.ifr_flags |= IFF_UP;
  if (ioctl(descriptor, SIOCSIFFLAGS, &request) != 0) return -1;
  return close(descriptor);
}

int sandbox_open_network(uint32_t listen_port, int *listener) {
  *listener = -1;
  sandbox_trying("bringing up the loopback");
  if (bring_up_loopback() != 0) return -1;
  if (listen_port == 0) return 0;
  sandbox_trying("listening on port %u", listen_port);
  /* Made here and served outside: a socket belongs to the network that it was made in. */
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)listen_port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (*listener < 0) return -1;
  if (bind(*listener, (struct sockaddr *)&address, sizeof(address)) != 0) return -1;
  return listen(*listener, backlog);
}
