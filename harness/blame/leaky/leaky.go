// An echo server that forgets Close(): for make blame-figures.
package main

import (
	"fmt"
	"net"
	"os"
)

var kept []net.Conn

func serve(connection net.Conn) {
	text := make([]byte, 256)
	for {
		n, err := connection.Read(text)
		if err != nil {
			kept = append(kept, connection) // LEAK
			return
		}
		connection.Write(text[:n])
	}
}

func main() {
	listener, err := net.Listen("tcp", "0.0.0.0:"+os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	fmt.Println("ready")
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go serve(connection)
	}
}
