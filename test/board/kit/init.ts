/** Name of the serial port by which the test speaks to the board. */
export const controlPort = "cohort.control";
/** What the board says on it first. */
export const greeting = "board ready";

/**
 * The board's first process, for busybox's shell. It brings up what a small distribution would, and
 * then does what the control port says: each line is an id and a script in base64; the answer is the
 * id, the exit status and the output in base64. Scripts run side by side.
 *
 * The agent runs in a cgroup of its own, as systemd's `Delegate=yes` would give it one.
 */
export const initScript = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /data /root
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run && chmod 755 /run
mount -t tmpfs tmpfs /tmp && chmod 1777 /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
while read -r module parameters; do
  insmod "/lib/modules/$module.ko" $parameters || echo "insmod $module failed"
done </lib/modules/order
rm /lib/modules/*.ko
hostname "$(cat /etc/hostname)"
ip link set lo up
ip address add 10.0.2.15/24 dev eth0 && ip link set eth0 up && ip route add default via 10.0.2.2
mount -t ext4 /dev/vda /data || echo "no /data"
echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/agent /sys/fs/cgroup/ordinary

for port in /sys/class/virtio-ports/*; do
  [ "$(cat "$port/name")" = ${controlPort} ] && control=/dev/\${port##*/}
done
exec 3<>"$control"
echo ${greeting} >&3
while read -r id text <&3; do
  echo "$text" | base64 -d >"/run/$id.sh"
  (
    sh "/run/$id.sh" >"/run/$id.out" 2>&1 </dev/null 3<&-
    echo "$id $? $(base64 "/run/$id.out" | tr -d '\\n')" >&3
    rm "/run/$id.sh" "/run/$id.out"
  ) &
done
poweroff -f
`;
