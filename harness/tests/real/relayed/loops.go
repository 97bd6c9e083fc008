// Programs that last: loops LIBRARY HOST PORT asks its server five times a second, as services do.
// An error is reported, and the next round tries again; the library must do the rest.
package main

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/gomodule/redigo/redis"
	_ "github.com/lib/pq"
)

func main() {
	address := net.JoinHostPort(os.Args[2], os.Args[3])
	var ask func() error
	switch os.Args[1] {
	case "redigo":
		pool := &redis.Pool{MaxIdle: 2, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
		ask = func() error {
			connection := pool.Get()
			defer connection.Close()
			_, err := connection.Do("GET", "x")
			return err
		}
	case "pq":
		ask = query("postgres", "postgres://lab:secret@"+address+"/postgres?sslmode=disable")
	case "mysql":
		ask = query("mysql", "lab:secret@tcp("+address+")/")
	}
	for {
		if err := ask(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func query(driver, source string) func() error {
	pool, err := sql.Open(driver, source)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return func() error {
		var one int
		return pool.QueryRow("select 1").Scan(&one)
	}
}
