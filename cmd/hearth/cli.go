package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"hearth/web/diagnostics"
)

// The program's exit codes. They are part of the interface: scripts go by them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitFindings = 2
	exitUsage    = 64
)

// errFindings is what a checking command returns when it ran well and found something wrong.
var errFindings = errors.New("there are findings")

// cli is every command with its flags. Each flag is also an environment variable: --data is HEARTH_DATA.
type cli struct {
	Log logFlags `embed:""`

	Serve       serveCmd       `cmd:"" help:"Run the appliance."`
	Demo        demoCmd        `cmd:"" help:"Run the appliance with simulated cameras added; prints address, user and password."`
	Sim         simCmd         `cmd:"" help:"Run only simulated RTSP cameras; prints a line with the address of each."`
	Probe       probeCmd       `cmd:"" help:"Ask a camera what it offers, and say whether Hearth can use it."`
	Check       checkCmd       `cmd:"" help:"Verify files, chain and index against each other. Exit 0: clean, 2: findings."`
	Rebuild     rebuildCmd     `cmd:"" help:"Make index.db again from the files."`
	Export      exportCmd      `cmd:"" help:"Write a span of a camera's footage as plain MP4, without re-encoding, or as a signed archive."`
	Verify      verifyCmd      `cmd:"" help:"Check a signed export, without the box that made it. Exit 0: as it was signed, 2: findings."`
	RecoveryKey recoveryKeyCmd `cmd:"" help:"Make the key with which a dead box's disk can be read, and print it. Keep it elsewhere."`
	Restore     restoreCmd     `cmd:"" help:"Put settings, people and keys back from a snapshot on the old disk, with the recovery key."`
	GoBack      goBackCmd      `cmd:"" name:"go-back" help:"After the package of an earlier version was put back: make the box what it was before the later one."`
	SealKey     sealKeyCmd     `cmd:"" name:"seal-key" help:"Have systemd keep the box's key, sealed by this machine's TPM where there is one. Needs root, and a recovery key."`
	Salvage     salvageCmd     `cmd:"" help:"Get the footage off a dead box's disk as plain MP4, with the recovery key. Exit 0: all of it, 2: not all."`
	User        userCmd        `cmd:"" help:"Users, on the box itself: for who forgot a password."`
	SetupCode   setupCodeCmd   `cmd:"" help:"Print a code with which the first owner can be set up later than an hour after the first start."`
	HW          hwCmd          `cmd:"" name:"hw" help:"Try the video decoders of this machine, each with a real picture."`
	Version     versionCmd     `cmd:"" help:"Print the version."`

	Manual manualCmd `cmd:"" hidden:"" help:"Write the man pages and the completion of bash."`
}

// program is what a command gets to work with, besides its own flags.
type program struct {
	ctx    context.Context // ends at the first SIGINT or SIGTERM
	stdout io.Writer
	stderr io.Writer
	log    *slog.Logger
	recent *diagnostics.Ring // the last lines of log
}

// run is the whole program but for the process: arguments in, exit code out.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := untilInterrupted()
	defer stop()

	var c cli
	var helped bool
	parser, err := kong.New(&c,
		kong.Name("hearth"),
		kong.Description("Hearth: a network video recorder that your family owns."),
		kong.Writers(stdout, stderr),
		kong.DefaultEnvars("HEARTH"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(int) { helped = true }),
		kong.Vars{"data": defaultData()},
	)
	if err != nil {
		fmt.Fprintln(stderr, "hearth:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if helped {
		return exitDone
	}
	if err != nil {
		fmt.Fprintf(stderr, "hearth: %v (hearth --help lists the commands)\n", err)
		return exitUsage
	}

	p := &program{ctx: ctx, stdout: stdout, stderr: stderr, recent: new(diagnostics.Ring)}
	p.log = c.Log.logger(stderr, p.recent)
	kctx.Bind(parser)
	switch err := kctx.Run(p); {
	case err == nil:
		return exitDone
	case errors.Is(err, errFindings):
		return exitFindings
	default:
		fmt.Fprintln(stderr, "hearth:", oneLine(err))
		return exitFailed
	}
}

// untilInterrupted gives a context that ends at the first SIGINT or SIGTERM. The second one ends the process: a disk
// that hangs can hold up an orderly stop for as long as it likes.
func untilInterrupted() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// oneLine keeps an error to a single line, whatever a library put into it.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// defaultData is where footage goes when nobody says: the service has its folder, a person tries things out here.
func defaultData() string {
	if os.Getenv("INVOCATION_ID") != "" { // started by systemd
		return "/var/lib/hearth"
	}
	return "./hearth-data"
}
