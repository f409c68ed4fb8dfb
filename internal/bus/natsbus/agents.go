package natsbus

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/reifyhq/reify/internal/bus/natsbus/natsconn"
)

// The names of package natsconn for those who wire a manager.
type (
	// Agent is a host agent that may connect.
	Agent = natsconn.Agent
	// Up is what an agent sends.
	Up = natsconn.Up
)

// ErrAgain is for what cannot be taken from an agent now.
var ErrAgain = natsconn.ErrAgain

// admitWait bounds how long the account of an agent is looked up while it connects.
const admitWait = 10 * time.Second

// AgentDoor lets host agents connect to the embedded broker.
type AgentDoor struct {
	// Listen is the address, host:port, for plain connections of agents; empty opens none.
	Listen string
	// TLS is needed when Listen is beyond loopback.
	TLS *tls.Config
	// Admit returns the agent with the user name and secret, false when there is none. It may be called from many
	// goroutines.
	Admit func(ctx context.Context, user, secret string) (Agent, bool)
}

// configure adds the door to the options of the broker: agents behind the web server of the manager come through a
// WebSocket on loopback, others through the listener that was asked for.
func (b *Bus) configure(ctx context.Context, o *server.Options, door *AgentDoor) error {
	secret := make([]byte, 16)
	rand.Read(secret)
	b.secret = hex.EncodeToString(secret)
	b.admit = door.Admit
	b.life, b.endLife = context.WithCancel(context.WithoutCancel(ctx))
	o.CustomClientAuthentication = doorkeeper{b}
	o.AuthTimeout = 2 * admitWait.Seconds()
	o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoTLS: true, AuthTimeout: o.AuthTimeout}
	if door.Listen == "" {
		return nil
	}
	host, text, err := net.SplitHostPort(door.Listen)
	if err != nil {
		return fmt.Errorf("listen for agents on %q: %w", door.Listen, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("listen for agents on %q: %w", door.Listen, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	o.DontListen, o.Host, o.Port = false, host, port
	if door.TLS != nil {
		o.TLSConfig, o.TLS, o.TLSTimeout = door.TLS, true, admitWait.Seconds()
		// The manager itself connects in the process, without TLS.
		o.AllowNonTLS = false
	}
	return nil
}

// ownUser is the name of the manager's own connection.
const ownUser = "manager"

// doorkeeper decides who may connect and what each may use.
type doorkeeper struct{ b *Bus }

// Check implements server.Authentication.
func (d doorkeeper) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Username == ownUser {
		return subtle.ConstantTimeCompare([]byte(o.Password), []byte(d.b.secret)) == 1
	}
	ctx, stop := context.WithTimeout(d.b.life, admitWait)
	defer stop()
	agent, ok := d.b.admit(ctx, o.Username, o.Password)
	if !ok {
		return false
	}
	if err := d.b.EnsureQueue(ctx, agent.Queue); err != nil {
		d.b.log.Warn("an agent cannot be let in", "agent", agent.Name, "error", err)
		return false
	}
	allowed := agent.Allowed()
	c.RegisterUser(&server.User{Username: o.Username, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: allowed.Publish},
		Subscribe: &server.SubjectPermission{Allow: allowed.Subscribe},
		Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute},
	}})
	return true
}

// WebsocketAddress is where agents that come through the web server are let in: host:port on loopback.
func (b *Bus) WebsocketAddress() string {
	if b.broker == nil || b.admit == nil {
		return ""
	}
	return b.broker.WebsocketURL()[len("ws://"):]
}

// AgentAddress is where agents connect without the web server, empty when they cannot.
func (b *Bus) AgentAddress() string {
	if b.broker == nil {
		return ""
	}
	if a := b.broker.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// Connected returns the names of the agents that are connected, with the time since when.
func (b *Bus) Connected() (map[string]time.Time, error) {
	found := map[string]time.Time{}
	err := b.connections("", func(c *server.ConnInfo) { found[c.AuthorizedUser] = c.Start })
	return found, err
}

// connectionsPage is how many connections are looked at together.
const connectionsPage = 1024

func (b *Bus) connections(user string, visit func(*server.ConnInfo)) error {
	if b.broker == nil {
		return nil
	}
	for offset := 0; ; offset += connectionsPage {
		page, err := b.broker.Connz(&server.ConnzOptions{Username: true, User: user, Offset: offset, Limit: connectionsPage})
		if err != nil {
			return fmt.Errorf("list connected agents: %w", err)
		}
		for _, c := range page.Conns {
			if c.AuthorizedUser != ownUser {
				visit(c)
			}
		}
		if len(page.Conns) < connectionsPage {
			return nil
		}
	}
}

// Disconnect ends the connections of an agent. It may connect again when it is still admitted.
func (b *Bus) Disconnect(agent string) error {
	var failed error
	err := b.connections("", func(c *server.ConnInfo) {
		if c.AuthorizedUser != agent {
			return
		}
		if err := b.broker.DisconnectClientByID(c.Cid); err != nil {
			failed = fmt.Errorf("disconnect agent %s: %w", agent, err)
		}
	})
	if err != nil {
		return err
	}
	return failed
}
