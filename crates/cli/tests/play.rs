//! `chainrule play`, from outside.

use assert_cmd::Command;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// A server under test; it ends with it.
struct Server {
    process: Child,
    address: SocketAddr,
    output: BufReader<ChildStdout>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What came back.
#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("chainrule"));
        let command = command.arg("play").args(args).args(["--port", "0", "--no-open"]).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap();
        Self { address: address.parse().unwrap(), process, output }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends these bytes and reads until the connection ends.
    fn send(&self, request: &[u8]) -> Response {
        let mut stream = self.connect();
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(request);
        read(&mut stream)
    }

    fn get(&self, path: &str, headers: &[&str]) -> Response {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        self.send(format!("{head}{}\r\n", lines(headers)).as_bytes())
    }

    /// The token of a new page.
    fn token(&self) -> String {
        let page = self.get("/", &[]);
        let (_, rest) =
            page.body.split_once("name=\"chainrule-page\" content=\"").unwrap_or_else(|| panic!("{page:?}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The headers that the page itself sends.
    fn usual(&self, token: &str) -> Vec<String> {
        vec![
            format!("Host: {}", self.address),
            format!("Origin: http://{}", self.address),
            "Content-Type: application/json".to_owned(),
            format!("X-Chainrule-Page: {token}"),
        ]
    }

    fn post(&self, headers: &[String], body: &str) -> Response {
        let length = format!("Content-Length: {}", body.len());
        let headers: Vec<&str> = headers.iter().map(String::as_str).chain([&*length, "Connection: close"]).collect();
        self.send(format!("POST /api HTTP/1.1\r\n{}\r\n{body}", lines(&headers)).as_bytes())
    }
}

fn lines(headers: &[&str]) -> String {
    headers.iter().map(|header| format!("{header}\r\n")).collect()
}

fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Response { status, head: head.to_lowercase(), body: body.to_owned() }
}

#[test]
fn the_page_is_served_with_its_protection() {
    let server = Server::start(&[]);
    let page = server.get("/", &[]);
    assert_eq!(page.status, 200);
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-embedder-policy: require-corp",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-store",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    assert!(!page.head.contains("unsafe-"), "{}", page.head);
    assert!(!page.head.contains("access-control"), "{}", page.head);
    // Every answer has the headers, refusals too.
    for other in [server.get("/main.js", &[]), server.get("/nothing.js", &[]), server.post(&[], "{}")] {
        assert!(other.head.contains("content-security-policy: default-src 'none'"), "{}", other.head);
        assert!(other.head.contains("x-content-type-options: nosniff"), "{}", other.head);
    }
    assert_ne!(server.token(), server.token(), "each page has its own");
    let answer = server.post(&server.usual(&server.token()), r#"{"do": "hello"}"#);
    assert_eq!((answer.status, &answer.body[..6]), (200, r#"{"ok":"#));
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
}

#[test]
fn only_this_computer_is_served() {
    let server = Server::start(&[]);
    assert!(server.address.ip().is_loopback());
    // Another address of the same computer.
    #[cfg(target_os = "linux")]
    assert!(TcpStream::connect(("127.0.0.2", server.address.port())).is_err());
}

#[test]
fn another_name_for_this_computer_is_refused() {
    let server = Server::start(&[]);
    let port = server.address.port();
    let hosts = [
        "Host: evil.example".to_owned(),
        format!("Host: evil.example:{port}"),
        format!("Host: 127.0.0.1.evil.example:{port}"),
        format!("Host: 127.0.0.1:{port}@evil.example"),
        "Host: 127.0.0.1".to_owned(),
        "Host: 127.0.0.1:1".to_owned(),
        format!("Host: 127.0.0.1:{port}\r\nHost: evil.example"),
        String::new(),
    ];
    for host in hosts {
        let host = if host.is_empty() { host } else { format!("{host}\r\n") };
        for path in ["/", "/main.js"] {
            let answer = server.send(format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes());
            assert!((400..500).contains(&answer.status), "{host}: {answer:?}");
            assert!(!answer.body.contains("chainrule-page"), "{host}: {answer:?}");
        }
        let request = format!("POST /api HTTP/1.1\r\n{host}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        assert!((400..500).contains(&server.send(request.as_bytes()).status), "{host}");
    }
    let by_name = format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(server.send(by_name.as_bytes()).status, 200);
}

#[test]
fn pages_of_others_cannot_ask() {
    let server = Server::start(&[]);
    let token = server.token();
    let usual = server.usual(&token);
    let without = |name: &str| -> Vec<String> { usual.iter().filter(|h| !h.starts_with(name)).cloned().collect() };
    let with = |name: &str, header: &str| [without(name), vec![header.to_owned()]].concat();
    let cases = [
        (without("Origin"), 403),
        (with("Origin", "Origin: http://evil.example"), 403),
        (with("Origin", "Origin: null"), 403),
        (with("Origin", &format!("Origin: https://{}", server.address)), 403),
        (with("Origin", &format!("Origin: http://localhost:{}", server.address.port())), 403),
        (without("Content-Type"), 415),
        (with("Content-Type", "Content-Type: text/plain"), 415),
        (without("X-Chainrule-Page"), 401),
        (with("X-Chainrule-Page", "X-Chainrule-Page: 00000000000000000000000000000000"), 401),
        (usual.clone(), 200),
    ];
    for (headers, status) in cases {
        let answer = server.post(&headers, r#"{"do": "hello"}"#);
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert_eq!(answer.body.contains("\"ok\""), status == 200, "{headers:?}: {answer:?}");
    }
    // No script of another site may find out whether it could.
    let asked = format!("OPTIONS /api HTTP/1.1\r\nHost: {}\r\nOrigin: http://evil.example\r\n", server.address);
    let answer = server.send(format!("{asked}Connection: close\r\n\r\n").as_bytes());
    assert!(answer.status == 405 && !answer.head.contains("access-control"), "{answer:?}");
    // No frame, no picture.
    for dest in ["iframe", "image", "script", "object"] {
        assert_eq!(server.get("/", &[&format!("Sec-Fetch-Dest: {dest}")]).status, 403);
    }
    assert_eq!(server.get("/", &["Sec-Fetch-Dest: document"]).status, 200);
}

#[test]
fn nothing_but_the_page_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let points = folder.path().join("points.csv");
    std::fs::write(&points, "x,y,label\n1,2,a\n-1,3,b\n0,1,a\n1,1,b\n").unwrap();
    let server = Server::start(&[points.to_str().unwrap()]);
    let paths = [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/..%5cCargo.toml",
        "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "//etc/passwd",
        "/etc/passwd",
        "/%2fetc%2fpasswd",
        "/points.csv",
        "/main.js/",
        "/main.js%00",
        "/./main.js",
        "/MAIN.JS",
        "/index.html%2f",
        "/api",
        "http://evil.example/",
    ];
    for path in paths {
        let answer = server.get(path, &[]);
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    assert_eq!(server.get("/main.js", &[]).status, 200);
    // The file that was named is offered, by the name that has no folder.
    let answer = server.post(&server.usual(&server.token()), r#"{"do": "hello"}"#);
    let hello: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(hello["ok"]["own"]["name"], "points.csv");
    assert_eq!(hello["ok"]["own"]["points"][1], json!([-1.0, 3.0, 1.0]));
    assert_eq!(hello["ok"]["own"]["labels"], json!(["a", "b"]));
}

#[test]
fn large_requests_are_refused() {
    let server = Server::start(&[]);
    let usual = server.usual(&server.token());
    let fits = format!("{{\"do\": \"hello\"{}}}", " ".repeat(200_000));
    assert_eq!(server.post(&usual, &fits).status, 200);
    // Announced, whether it comes or not.
    let announced = [usual.clone(), vec!["Content-Length: 999999999999".to_owned()]].concat();
    let headers: Vec<&str> = announced.iter().map(String::as_str).collect();
    let head = format!("POST /api HTTP/1.1\r\n{}Connection: close\r\n\r\n", lines(&headers));
    assert_eq!(server.send(head.as_bytes()).status, 413);
    // Not announced.
    let headers: Vec<&str> = usual.iter().map(String::as_str).chain(["Transfer-Encoding: chunked"]).collect();
    let head = format!("POST /api HTTP/1.1\r\n{}Connection: close\r\n\r\n", lines(&headers));
    let chunk = format!("{:x}\r\n{}\r\n", 100_000, " ".repeat(100_000));
    let mut stream = server.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let _ = (0..4).try_for_each(|_| stream.write_all(chunk.as_bytes()));
    assert_eq!(read(&mut stream).status, 413);
    // A head without an end.
    let long = format!("GET / HTTP/1.1\r\nHost: {}\r\nX: {}\r\n\r\n", server.address, "x".repeat(100_000));
    assert!((400..500).contains(&server.send(long.as_bytes()).status));
}

#[test]
fn a_page_that_asks_too_often_waits() {
    let server = Server::start(&[]);
    let usual = server.usual(&server.token());
    let headers: Vec<&str> = usual.iter().map(String::as_str).collect();
    let body = r#"{"do": "network.neuron", "layer": 1, "neuron": 0}"#;
    let one = format!("POST /api HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n{body}", lines(&headers), body.len());
    let last = one.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let mut stream = server.connect();
    let mut reader = stream.try_clone().unwrap();
    let counted = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = reader.read_to_string(&mut text);
        ["HTTP/1.1 200", "HTTP/1.1 429"].map(|status| text.matches(status).count())
    });
    // More than the burst, faster than the rate.
    stream.write_all(format!("{}{last}", one.repeat(1999)).as_bytes()).unwrap();
    let [answered, refused] = counted.join().unwrap();
    assert_eq!(answered + refused, 2000);
    assert!(answered >= 480 && refused > 100, "{answered} answered, {refused} refused");
    // Another page is not the worse for it.
    assert_eq!(server.post(&server.usual(&server.token()), r#"{"do": "hello"}"#).status, 200);
}

#[test]
fn pages_are_bounded() {
    let server = Server::start(&[]);
    let first = server.usual(&server.token());
    let second = server.usual(&server.token());
    for _ in 0..15 {
        // The first page is in use; the second is not.
        assert_eq!(server.post(&first, r#"{"do": "hello"}"#).status, 200);
        server.token();
    }
    assert_eq!(server.post(&first, r#"{"do": "hello"}"#).status, 200);
    let forgotten = server.post(&second, r#"{"do": "hello"}"#);
    assert_eq!(forgotten.status, 401);
    assert!(forgotten.body.contains("load it again"), "{forgotten:?}");
    let statuses: Vec<u16> = (0..60).map(|_| server.get("/", &[]).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn slow_requests_are_cut_off() {
    let server = Server::start(&[]);
    let usual = server.usual(&server.token());
    let start = Instant::now();
    let mut head = server.connect();
    head.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let mut idle = server.connect();
    let mut body = server.connect();
    let headers: Vec<&str> = usual.iter().map(String::as_str).chain(["Content-Length: 100"]).collect();
    body.write_all(format!("POST /api HTTP/1.1\r\n{}\r\n{{\"do\":", lines(&headers)).as_bytes()).unwrap();
    let mut first = [0; 12];
    body.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    assert_ne!(read(&mut head).status, 200);
    assert_ne!(read(&mut idle).status, 200);
    let took = start.elapsed();
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn connections_are_bounded() {
    let server = Server::start(&[]);
    let mut held: Vec<TcpStream> = (0..32).map(|_| server.connect()).collect();
    std::thread::sleep(Duration::from_millis(300));
    let mut waiting = server.connect();
    let request = format!("GET /main.js HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
    waiting.write_all(request.as_bytes()).unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    assert!(waiting.read(&mut [0; 1]).is_err(), "one more was served");
    held.pop();
    waiting.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(read(&mut waiting).status, 200);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it() {
    let mut server = Server::start(&[]);
    // A connection that is open does not keep it.
    let _open = server.connect();
    std::process::Command::new("kill").args(["-INT", &server.process.id().to_string()]).status().unwrap();
    assert!(server.process.wait().unwrap().success());
    let mut rest = String::new();
    server.output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn what_cannot_be_offered_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let three = write("three.csv", "x,y,label\n1,2,a\n2,3,b\n3,4,c\n");
    let wide = write("wide.csv", "x,y,z,label\n1,2,3,a\n2,3,4,b\n");
    let good = write("good.csv", "x,y,class\n1,2,a\n2,3,b\n");
    let many = write("many.csv", &format!("x,y,label\n{}", "1,2,a\n2,1,b\n".repeat(1001)));
    let taken = Server::start(&[]);
    let port = taken.address.port().to_string();
    let cases: &[(&[&str], i32, &str)] = &[
        (&[&three], 2, "3 classes (a, b, c)"),
        (&[&wide], 2, "3 columns beside `label` (x, y, z)"),
        (&[&good], 1, "label"),
        (&[&many], 2, "2002 rows: the playground takes at most 2000"),
        (&["nothing.csv"], 1, "nothing.csv"),
        (&["--port", &port], 1, "cannot be used; --port 0 takes a free one"),
        (&["--label", "class"], 2, "DATA"),
    ];
    for (args, code, message) in cases {
        let mut command = Command::cargo_bin("chainrule").unwrap();
        let failed = command.args(["play", "--no-open"]).args(*args).timeout(Duration::from_secs(20)).assert();
        failed.code(*code).stderr(predicates::str::contains(*message));
    }
    // Points far away are brought into view.
    let far = write("far.csv", "x,y,class\n100,2,a\n200,3,b\n150,1,a\n");
    let server = Server::start(&[&far, "--label", "class"]);
    let answer = server.post(&server.usual(&server.token()), r#"{"do": "hello"}"#);
    let own = serde_json::from_str::<Value>(&answer.body).unwrap()["ok"]["own"].clone();
    assert_eq!(own["points"], json!([[-5.4, 2.0, 0.0], [5.4, 3.0, 1.0], [0.0, 1.0, 0.0]]));
    assert!(own["note"].as_str().unwrap().contains("x from 100 … 200"), "{own}");
}
