//! The registry's side of a connection: requests read, answers written, faults on the way.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConnection, StreamOwned};

use super::answer::Answer;
use super::{Fault, Request, State, lock};

pub(super) fn accept(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        {
            let mut state = lock(state);
            if state.stopped {
                break;
            }
            state.connections.extend(stream.try_clone());
        }
        let state = state.clone();
        threads.push(thread::spawn(move || {
            // A client that goes away is not the test's business.
            let _ = greet(stream, &state);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// A connection, plain or not.
trait Wire: Read + Write {
    /// Ends it in both directions, without a farewell.
    fn cut(&self) -> std::io::Result<()>;
}

impl Wire for TcpStream {
    fn cut(&self) -> std::io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn cut(&self) -> std::io::Result<()> {
        self.sock.shutdown(Shutdown::Both)
    }
}

/// Finds out what the client speaks.
fn greet(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let Some(tls) = lock(state).tls.clone() else {
        return converse(stream, state);
    };
    let mut first = [0; 1];
    stream.peek(&mut first)?;
    if first == *b"C" {
        // A proxy, asked to CONNECT.
        let mut head = Vec::new();
        let mut byte = [0; 1];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
            head.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&head);
        let mut words = line.split_whitespace();
        lock(state).requests.push(Request {
            method: words.next().unwrap_or_default().to_owned(),
            path: words.next().unwrap_or_default().to_owned(),
            headers: HashMap::new(),
            body: Vec::new(),
        });
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    } else if first != [0x16] {
        // As Go's net/http.
        let body = "Client sent an HTTP request to an HTTPS server.\n";
        let head = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes())?;
        return stream.cut();
    }
    let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    converse(StreamOwned::new(connection, stream), state)
}

fn converse(stream: impl Wire, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, state)? {
        let (fault, mut answer) = {
            let mut state = lock(state);
            state.requests.push(request.clone());
            let fault = state.take_fault(&request);
            if fault == Some(Fault::ForgetTokens) {
                state.tokens.clear();
            }
            (fault.clone(), state.answer(&request, fault.as_ref()))
        };
        if fault == Some(Fault::Hangup) {
            return reader.get_ref().cut();
        }
        let mut length = answer.body.len() as u64;
        match &fault {
            Some(Fault::FlipBit(at)) if *at < answer.body.len() => answer.body[*at] ^= 1,
            Some(Fault::LongerLength(more)) => length += more,
            _ => {}
        }
        if request.method == "HEAD" {
            answer.body.clear();
        }
        write_answer(reader.get_mut(), state, &answer, length, fault.as_ref())?;
    }
    Ok(())
}

fn read_request(
    reader: &mut BufReader<impl Wire>,
    state: &Mutex<State>,
) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    // What a proxy is asked for is a whole URL.
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: HashMap::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = request.header("content-length").parse().unwrap_or(0);
    let cut = lock(state).take_cut(&request);
    let mut body = vec![0; cut.map_or(length, |cut| cut.min(length))];
    reader.read_exact(&mut body)?;
    request.body = body;
    if cut.is_some() {
        let mut state = lock(state);
        state.append(&request);
        state.requests.push(request);
        drop(state);
        reader.get_ref().cut()?;
        return Ok(None);
    }
    Ok(Some(request))
}

fn write_answer(
    stream: &mut impl Wire,
    state: &Mutex<State>,
    answer: &Answer,
    length: u64,
    fault: Option<&Fault>,
) -> std::io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {} Any\r\nContent-Length: {length}\r\n",
        answer.status
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    match fault {
        Some(Fault::CutAfter(bytes)) => {
            stream.write_all(&answer.body[..answer.body.len().min(*bytes)])?;
            stream.cut()
        }
        Some(Fault::LongerLength(_)) => {
            stream.write_all(&answer.body)?;
            stream.cut()
        }
        Some(Fault::StallAfter(bytes)) => {
            stream.write_all(&answer.body[..answer.body.len().min(*bytes)])?;
            // Until the client or the test has had enough.
            let mut nothing = [0; 1];
            while stream.read(&mut nothing)? > 0 {}
            Ok(())
        }
        Some(Fault::Slow(pause)) => {
            for piece in answer.body.chunks(64 << 10) {
                if lock(state).stopped {
                    break;
                }
                stream.write_all(piece)?;
                thread::sleep(*pause);
            }
            Ok(())
        }
        _ => stream.write_all(&answer.body),
    }
}
