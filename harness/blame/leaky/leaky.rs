// An echo server that forgets to drop its connections: for make blame-figures.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn serve(mut connection: TcpStream) {
    let mut text = [0u8; 256];
    loop {
        match connection.read(&mut text) {
            Ok(n) if n > 0 => {
                if connection.write_all(&text[..n]).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    std::mem::forget(connection); // LEAK
}

fn main() {
    let port = std::env::args().nth(1).unwrap();
    let listener = TcpListener::bind(format!("0.0.0.0:{}", port)).unwrap();
    println!("ready");
    for connection in listener.incoming() {
        let connection = connection.unwrap();
        std::thread::spawn(move || serve(connection));
    }
}
