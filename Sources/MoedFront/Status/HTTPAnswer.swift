/// Complete HTTP answer to a request.
struct HTTPAnswer: Sendable, Equatable {
    /// Status code and reason: “200 OK”.
    var status: String
    var body: String
    var type: String

    init(_ status: String, _ body: String, type: String = "text/plain; charset=utf-8") {
        self.status = status
        self.body = body
        self.type = type
    }

    /// Answers a GET by its path; refuses every other request.
    ///
    /// - Parameter head: request line and headers.
    init(toHead head: String, _ respond: (_ path: String) -> HTTPAnswer) {
        let words = head.prefix { $0 != "\r\n" && $0 != "\n" }.split(separator: " ")
        guard words.count == 3, words[2].hasPrefix("HTTP/1.") else {
            self.init("400 Bad Request", "this is not HTTP/1\n")
            return
        }
        guard words[0] == "GET" else {
            self.init("405 Method Not Allowed", "only GET\n")
            return
        }
        self = respond(String(words[1].prefix { $0 != "?" }))
    }

    var bytes: [UInt8] {
        let body = Array(body.utf8)
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)\r\n"
            + "Connection: close\r\n\r\n"
        return Array(head.utf8) + body
    }
}
