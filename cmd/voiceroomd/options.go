package main

import (
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command's flags, in the order and the groups of its help. Each is an environment variable too.
type options struct {
	Listen      string   `group:"addresses" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"TCP address for WebSocket and HTTP (default ${default}); port 0 takes a free one."`
	Media       string   `group:"addresses" placeholder:"HOST:PORT" help:"UDP address for the voices of all members; port 0 takes a free one. Default: host and port number of --listen. Behind a reverse proxy it must not be loopback: try 0.0.0.0:8080."`
	MediaTCP    string   `group:"addresses" name:"media-tcp" placeholder:"HOST:PORT" help:"TCP address for the voices of those whose network lets no UDP through. Not used unless given; 443 on an address of its own gets through most firewalls."`
	PublicIP    []string `group:"addresses" placeholder:"IP" help:"Address that clients send their voice to, where this machine is behind a NAT. Repeatable."`
	URL         string   `group:"addresses" placeholder:"URL" help:"Where clients reach this node (wss://voice1.example.org); they are told it as a place to try when another node fails."`
	AllowOrigin []string `group:"addresses" placeholder:"ORIGIN" help:"Web page origin (https://example.org) that may connect, besides this server's own host; * is all. Repeatable."`

	TrustedProxy []string `group:"addresses" placeholder:"CIDR" help:"Network (127.0.0.1 or 10.1.0.0/16) of the reverse proxies in front of this server, whose X-Forwarded-For says where clients and callers are: in ClientIP of callbacks and in the log. Repeatable."`

	TLSCert      string   `group:"tls" name:"tls-cert" placeholder:"FILE" help:"Certificate for HTTPS and WSS (PEM, with the intermediate ones). Read again when the file changes, and on SIGHUP; one that does not work is logged, and the old one stays."`
	TLSKey       string   `group:"tls" name:"tls-key" placeholder:"FILE" help:"Its key (PEM)."`
	ACMEDomain   []string `group:"tls" name:"acme-domain" placeholder:"NAME" help:"Fetch a certificate for this name from an ACME authority, and renew it. The authority connects to port 443, which has to be --listen or lead there (TLS-ALPN-01). Whoever gives it agrees to the authority's terms. Repeatable."`
	ACMEEmail    string   `group:"tls" name:"acme-email" placeholder:"ADDRESS" help:"Where the authority may write to."`
	ACMECache    string   `group:"tls" name:"acme-cache" placeholder:"DIR" help:"Folder for what was fetched, keys too. Default: acme in --data."`
	ACMEURL      string   `group:"tls" name:"acme-url" placeholder:"URL" help:"The authority's directory. Default: Let's Encrypt's."`
	ACMEHTTP     string   `group:"tls" name:"acme-http" placeholder:"HOST:PORT" help:"Answer the authority's questions here as well, which is to be reached as port 80 (HTTP-01), and send everybody else to https."`
	InsecureHTTP bool     `group:"tls" name:"insecure-http" help:"Permit --listen beyond this machine without TLS: behind a reverse proxy that does TLS, or for a try. UserSigs cross it in clear."`

	App     []string `group:"apps" secret:"id" placeholder:"ID:SECRET" help:"SDKAppID and the secret that signs its UserSigs. Repeatable. Everybody on this machine can read a command line: for more than a try use --app-file or the environment."`
	AppFile string   `group:"apps" placeholder:"FILE" help:"File with one ID:SECRET a line; # begins a comment."`

	AppPublicKey []string `group:"apps" placeholder:"ID:FILE" help:"Public key (PEM, ECDSA on P-256) of an app that is given with its secret too: its UserSigs of version 1 (ECDSA-SHA256, before July 2019) are taken as well. Repeatable."`
	AppAdmin     []string `group:"apps" placeholder:"ID:NAME" help:"User id that may use the REST API of an app, besides administrator, who always may. Repeatable, 10 for an app at most."`
	Gifts        string   `group:"apps" placeholder:"FILE" help:"File (YAML or JSON) with the gifts of apps that have set none of their own by the REST API; without it there are a few that ship. The same on all nodes."`

	SeatLimit   int           `group:"limits" default:"20" placeholder:"N" help:"Most seats of a room (default ${default}, at most 50)."`
	MemberLimit int           `group:"limits" default:"100000" placeholder:"N" help:"Most members of a room (default ${default})."`
	Grace       time.Duration `group:"limits" default:"30s" placeholder:"TIME" help:"How long a seat waits for its user after the user's connection or node has gone (default ${default})."`
	MultiLogin  bool          `group:"limits" help:"Let a user be logged in several times. Else a later login ends the earlier one. In one room a user is once in any case: the later stay ends the earlier one. The same on all nodes."`

	BarrageHistory int `group:"limits" default:"50" placeholder:"N" help:"Messages of a room's chat that newcomers may read (default ${default}, at most 50); 0 is none."`

	RoomLimit int `group:"limits" default:"0" placeholder:"N" help:"Most rooms of an app; 0 is no limit (default ${default}). An app that wants to hear of it is called back at 70 %."`

	DismissEmpty     time.Duration `group:"limits" default:"30m" placeholder:"TIME" help:"End a room when it has been empty for so long after it had members (default ${default}, 10m to 24h). An app may set it otherwise (set_auto_dismiss). The same on all nodes, as the next two."`
	DismissOwnerLeft time.Duration `group:"limits" default:"0s" placeholder:"TIME" help:"End a room whose owner has left it for so long; then owners may leave (default ${default}: never, and they may not; 2m to 12h). Likewise."`
	DismissOwnerLost time.Duration `group:"limits" default:"0s" placeholder:"TIME" help:"End a room whose owner has had no connection for so long (default ${default}: never; 2m to 12h). Likewise."`

	WebhookRetry time.Duration `group:"callbacks" default:"24h" placeholder:"TIME" help:"How long a callback to an app's server is tried again (default ${default}, at most 168h)."`
	WebhookAllow []string      `group:"callbacks" placeholder:"CIDR" help:"Network (10.1.0.0/16) that callbacks may go to although it is loopback, private or reserved: whoever administers an app can make this server send there. Repeatable."`

	Data         string `group:"store" default:"./data" placeholder:"DIR" help:"Folder of the embedded store (default ${default}). One process at a time may use it."`
	NATS         string `group:"store" name:"nats" placeholder:"URL" help:"Use this NATS (addresses separated by commas) instead of the embedded store."`
	NATSCreds    string `group:"store" name:"nats-creds" placeholder:"FILE" help:"Credentials for --nats."`
	NATSCA       string `group:"store" name:"nats-ca" placeholder:"FILE" help:"Authorities to trust, for --nats and for --cluster-route (PEM)."`
	NATSCert     string `group:"store" name:"nats-cert" placeholder:"FILE" help:"This node's certificate, likewise."`
	NATSKey      string `group:"store" name:"nats-key" placeholder:"FILE" help:"Its key."`
	NATSInsecure bool   `group:"store" name:"nats-insecure" help:"Permit connections in clear to other hosts. Voices cross them."`
	NATSListen   string `group:"store" name:"nats-listen" placeholder:"HOST:PORT" help:"Client port of the embedded store, for a second node on this machine (its --nats). It has no password: keep it on loopback."`
	Prefix       string `group:"store" default:"voiceroom" placeholder:"NAME" help:"Begins the names of streams and subjects, so that several servers can share a NATS (default ${default})."`
	Replicas     int    `group:"store" default:"1" placeholder:"N" help:"How many servers of the cluster keep each entry, 1 to 5 (default ${default}; 3 is advised in a cluster)."`

	ClusterName   string   `group:"cluster" placeholder:"NAME" help:"The cluster's name, the same on all nodes."`
	ClusterNode   string   `group:"cluster" placeholder:"NAME" help:"This node's name: unique, and the same after a restart with the same --data."`
	ClusterListen string   `group:"cluster" placeholder:"HOST:PORT" help:"Address for the routes of the other nodes."`
	ClusterRoute  []string `group:"cluster" placeholder:"HOST:PORT" help:"Another node's --cluster-listen. Repeatable."`
	ClusterSecret string   `group:"cluster" secret:"" placeholder:"SECRET" help:"What the nodes show each other. Better in the environment than on the command line."`

	LogLevel  string `group:"log" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least level that is logged: ${enum} (default ${default})."`
	LogFormat string `group:"log" default:"text" enum:"text,json" placeholder:"FORMAT" help:"${enum} (default ${default}). The log goes to standard error."`

	Config      string           `group:"config" nofile:"" placeholder:"FILE" help:"YAML file with any of these flags, without the -- (listen: 127.0.0.1:8080). The command line counts more than the environment, the environment more than the file."`
	PrintConfig bool             `group:"config" nofile:"" env:"-" help:"Print what is in effect, without secrets, and where it comes from; then end, with 2 if it makes no sense."`
	Version     kong.VersionFlag `group:"config" nofile:"" env:"-" help:"Say which version this is."`
}

// parse reads the command line, the environment and the file that one of them names. It does not return for --help and
// --version. With --print-config, show is what to print.
func parse(args []string) (o options, show string, err error) {
	p, err := newParser(&o)
	if err != nil {
		return o, "", err
	}
	ctx, err := p.Parse(args)
	if err != nil {
		return o, "", err
	}
	var file configFile
	if o.Config != "" {
		if file, err = readConfig(o.Config, p.Model.Flags); err != nil {
			return o, "", err
		}
		o = options{}
		if p, err = newParser(&o, kong.Resolvers(file)); err != nil {
			return o, "", err
		}
		if ctx, err = p.Parse(args); err != nil {
			return o, "", err
		}
	}
	if o.PrintConfig {
		set := map[string]bool{}
		for _, part := range ctx.Path {
			if part.Flag != nil && !part.Resolved {
				set[part.Flag.Name] = true
			}
		}
		show = printConfig(p.Model.Flags, set, file)
	}
	return o, show, nil
}

// newParser makes what reads the flags into o.
func newParser(o *options, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(o, append(more,
		kong.Name("voiceroomd"),
		kong.Description("Server of OpenVoiceRoom: voice rooms with seats, in one process.\n\n"+
			"Try it: voiceroomd --app 1400000001:a-long-secret"),
		kong.DefaultEnvars("VOICEROOM"),
		kong.Vars{"version": version()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "addresses", Title: "Addresses"},
			{Key: "tls", Title: "HTTPS and WSS"},
			{Key: "apps", Title: "Apps (at least one)"},
			{Key: "limits", Title: "Limits"},
			{Key: "callbacks", Title: "Callbacks of apps' servers (voiceroomd webhooks --help shows what became of them)"},
			{Key: "store", Title: "Store"},
			{Key: "cluster", Title: "Cluster of embedded stores (all of it, or none)"},
			{Key: "log", Title: "Log"},
			{Key: "config", Title: "These settings"},
		}),
	)...)
}

// version is the module's version, or the commit of a build from a working copy.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	return "voiceroomd " + v + " " + info.GoVersion
}
