/// Reads the requests of one connection, one after the other.
struct TestRequestReader {
    private let descriptor: Int32
    private let connection: Int
    private var buffer: [UInt8] = []

    init(descriptor: Int32, connection: Int) {
        self.descriptor = descriptor
        self.connection = connection
    }

    /// The next request; nil at the end of the connection, and for bytes that are no request.
    mutating func next() -> TestHTTPServer.Request? {
        guard let head = readHead() else { return nil }
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: true)
        guard !lines.isEmpty else { return nil }
        let start = lines.removeFirst().split(separator: " ")
        guard start.count == 3 else { return nil }
        let headers = lines.compactMap { line -> (name: String, value: String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            return (String(line[..<colon]), String(value))
        }
        func value(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }

        if value("expect")?.lowercased() == "100-continue" {
            _ = TestSocket.sendAll(descriptor, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)[...])
        }
        let body: [UInt8]?
        if value("transfer-encoding")?.lowercased() == "chunked" {
            body = readChunks()
        } else {
            body = take(value("content-length").flatMap { Int($0) } ?? 0)
        }
        guard let body else { return nil }
        return TestHTTPServer.Request(
            method: String(start[0]), target: String(start[1]), headers: headers, body: body, connection: connection,
            arrival: .now)
    }

    /// Up to the empty line, which is consumed.
    private mutating func readHead() -> String? {
        var searched = 0
        while true {
            if let end = endOfHead(from: searched) {
                defer { buffer.removeFirst(end + 4) }
                return String(decoding: buffer[..<end], as: UTF8.self)
            }
            searched = max(0, buffer.count - 3)
            guard buffer.count < 1 << 20, TestSocket.receive(descriptor, into: &buffer) else { return nil }
        }
    }

    private func endOfHead(from start: Int) -> Int? {
        guard buffer.count >= 4 else { return nil }
        for index in start..<max(start, buffer.count - 3)
        where buffer[index] == 13 && buffer[index + 1] == 10 && buffer[index + 2] == 13 && buffer[index + 3] == 10 {
            return index
        }
        return nil
    }

    private mutating func take(_ count: Int) -> [UInt8]? {
        guard count >= 0 else { return nil }
        while buffer.count < count {
            guard TestSocket.receive(descriptor, into: &buffer) else { return nil }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private mutating func readLine() -> String? {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                defer { buffer.removeFirst(end + 1) }
                return String(decoding: buffer[..<end].filter { $0 != 13 }, as: UTF8.self)
            }
            guard TestSocket.receive(descriptor, into: &buffer) else { return nil }
        }
    }

    private mutating func readChunks() -> [UInt8]? {
        var body: [UInt8] = []
        while true {
            guard let line = readLine(), let size = Int(line.prefix { $0 != ";" }, radix: 16) else { return nil }
            guard size > 0 else {
                // Trailers, up to the empty line.
                while let line = readLine() { if line.isEmpty { return body } }
                return nil
            }
            guard let chunk = take(size), readLine() != nil else { return nil }
            body += chunk
        }
    }
}
