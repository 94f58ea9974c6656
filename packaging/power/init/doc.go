// Command init is process 1 of the virtual machine that `make test-power` switches off. The initramfs holds it, hearth,
// hearth-vision with its libraries, and the kernel's modules; there is nothing else in the machine.
//
// It loads the modules in the order of /modules/order, brings the network up as QEMU's user network expects it, mounts the disk
// and does the steps of power.do on the kernel's command line, in their order:
//
//	recover   start hearth, and stop it once it listens: what was left open is finished then
//	twice     recover a copy of hearth's folder first, then the folder: what was left open must become the same bytes in both, and
//	          no byte of what was finished may change
//	check     hearth check --deep
//	record    start hearth, and stop it when somebody connects to port 7000
//	off       unmount the disk and switch the machine off
//
// It reports on the console, a line beginning with "power: " for each thing that happened. Everything that goes wrong ends in a
// line "power: failed: …", and the machine waits to be switched off.
//
// power.disk is vda or sda, power.fs is ext4 or xfs. power.own=1 makes the file system hearth's alone (it syncs the whole
// of it then); otherwise hearth has a folder in it (it syncs files one by one). The folder's files are the same ones.
package main
