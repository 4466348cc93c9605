#include "host.h"
#include "modes.h"
int script_main(int argc, char **argv) { return 1; }
int sandbox_init_main(void) { return 1; }
void mod_sandbox_install(JSContext *ctx, JSValueConst o) {}
