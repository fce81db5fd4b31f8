package testnet

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a client's end of a connection, as Dial returns it. It can be made to fail.
type Conn struct {
	net.Conn
	owner   *Network
	silent  atomic.Bool
	closed  atomic.Bool
	reading sync.Mutex
}

// Silence makes what either side sends from now on vanish, as behind a router that has forgotten the connection: neither
// side learns of it.
func (c *Conn) Silence() { c.silent.Store(true) }

// Read drops what comes when the connection is silent.
func (c *Conn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		if c.closed.Load() {
			return 0, net.ErrClosed
		}
		n, err := c.Conn.Read(b)
		if err != nil || !c.silent.Load() {
			return n, err
		}
	}
}

// Write drops b when the connection is silent.
func (c *Conn) Write(b []byte) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// Close closes the connection. The other side of a silent one does not hear of it.
func (c *Conn) Close() error {
	if !c.silent.Load() {
		return c.Conn.Close()
	}
	if c.closed.Swap(true) {
		return nil
	}
	if err := c.Conn.SetReadDeadline(time.Now()); err != nil { // ends a Read that waits
		return err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if err := c.Conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.owner.wg.Go(func() { // until the other side has had enough
		_, _ = io.Copy(io.Discard, c.Conn)
		_ = c.Conn.Close()
	})
	return nil
}
