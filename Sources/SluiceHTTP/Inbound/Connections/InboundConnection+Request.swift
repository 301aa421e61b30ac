import NIOCore
import NIOHTTP1
import Sluice

extension InboundConnection {
    /// The request that is being read or answered.
    struct Exchange {
        let head: HTTPRequestHead
        let target: RequestTarget
        let framing: RequestFraming
        let route: InboundRoute?
        let connection: HTTPConnection
        let started: NIODeadline
        var body: [UInt8] = []
        var received = 0
        /// Of the listener's budget for bodies.
        var reserved = 0
        /// Whether it counts as one of the concurrent requests.
        var counted = false
        /// The answer that is already certain while the rest of a short request is still read.
        var verdict: HTTPInboundResponse?
        /// Nil where nothing is traced.
        var span: RequestSpan?

        var retryAfter: Duration { route?.endpoint?.retryAfter ?? .seconds(1) }

        func request(body: [UInt8]) -> HTTPInboundRequest {
            HTTPInboundRequest(
                method: head.method.rawValue, path: target.path, query: target.query, authority: target.authority,
                headers: HTTPInboundHeaders(head.headers), connection: connection, body: body)
        }
    }

    /// Up to this length a body is not worth a hop to another thread, and a request that is refused is read to its end to
    /// keep the connection.
    static let shortBody = 64 * 1024

    func handle(head: HTTPRequestHead) {
        var head = head
        head.headers.trimValues()
        let target = RequestTarget(head.uri)
        var exchange = Exchange(
            head: head, target: target, framing: RequestFraming(head), route: shared.route(target.path),
            connection: connection, started: .now())
        exchange.verdict = verdict(on: exchange)
        let framing = exchange.framing
        let refused = exchange.verdict
        self.exchange = exchange
        phase = .reading
        standing.isReading(since: exchange.started)
        if let refused, framing.expectsContinue || (framing.length ?? .max) > Self.shortBody {
            return answerAndLeave(refused)
        }
        expire(at: (headBegan ?? exchange.started) + shared.requestTimeout)
        headBegan = nil
        if framing.expectsContinue, framing.length != 0 {
            write(ByteBuffer(staticString: ResponseEncoder.goOn))
        }
    }

    /// The answer that the head alone asks for, or nil when the body decides.
    private func verdict(on exchange: Exchange) -> HTTPInboundResponse? {
        if draining { return .shuttingDown }
        if exchange.framing.hosts != 1, exchange.head.version != .http1_0 {
            return .error(400, "the request must have one header Host")
        }
        if exchange.framing.hasContentTypes {
            return .error(400, "the header Content-Type comes more than once, with different values")
        }
        if exchange.route?.isGuarded ?? true, let check = shared.authenticator?.head {
            do { try check(exchange.request(body: [])) } catch { return HTTPRefusal(authenticating: error).response }
        }
        guard let route = exchange.route else { return .error(404, "there is nothing at this path") }
        guard route.allows(exchange.head.method) else {
            return .error(
                405, "the method must be \(route.allowed)", headers: [.init("Allow", route.allowed)])
        }
        if let length = exchange.framing.length, length > limit(of: route) { return tooLarge(limit(of: route)) }
        guard let endpoint = route.endpoint else { return nil }
        guard endpoint.takes(contentType: exchange.framing.contentType) else { return endpoint.rejectionOfType() }
        if exchange.framing.unknownEncoding {
            return .error(
                415, "the content encoding must be gzip or none", headers: [.init("Accept-Encoding", "gzip")])
        }
        if !shared.hasRoomForRequests { return busy(exchange) }
        if let check = endpoint.authenticator?.head {
            do { try check(exchange.request(body: [])) } catch { return HTTPRefusal(authenticating: error).response }
        }
        return nil
    }

    private func limit(of route: InboundRoute) -> Int {
        guard let endpoint = route.endpoint else { return Self.shortBody }
        return endpoint.maxBodyBytes ?? shared.configuration.maxBodyBytes
    }

    private func tooLarge(_ limit: Int) -> HTTPInboundResponse {
        .error(413, "the body is larger than \(limit) bytes")
    }

    private func busy(_ exchange: Exchange) -> HTTPInboundResponse {
        .unavailable("too many requests at once", retryAfter: exchange.retryAfter)
    }

    func handle(body bytes: ByteBuffer) {
        exchange?.received += bytes.readableBytes
        if let refused = collect(bytes) { answerAndLeave(refused) }
    }

    /// - Returns: the answer, when it need not wait for the rest of the body.
    private func collect(_ bytes: ByteBuffer) -> HTTPInboundResponse? {
        guard let route = exchange?.route, let received = exchange?.received, exchange?.verdict == nil else {
            return (exchange?.received ?? 0) > Self.shortBody ? exchange?.verdict : nil
        }
        let limit = limit(of: route)
        guard received <= limit else { return tooLarge(limit) }
        let retryAfter = route.endpoint?.retryAfter ?? .seconds(1)
        let more = received - (exchange?.reserved ?? 0)
        guard shared.reserve(more, isLong: received > Self.shortBody) else { return .noRoom(retryAfter) }
        exchange?.reserved += more
        if exchange?.body.isEmpty == true {
            // The client's word is trusted for a few pages only: it costs nothing to promise much.
            let promised = min(exchange?.framing.length ?? 0, 16 * 1024)
            exchange?.body.reserveCapacity(max(received, promised))
        }
        exchange?.body.append(contentsOf: bytes.readableBytesView)
        return nil
    }

    func handleEnd() {
        if let verdict = exchange?.verdict { return answer(verdict) }
        guard let current = exchange, let route = current.route else { return close() }
        if draining { return answerAndLeave(.shuttingDown) }
        guard route.resource != nil || shared.openRequest() else { return answer(busy(current)) }
        exchange?.counted = route.resource == nil
        exchange?.body = []
        phase = .waiting
        standing.isWaiting()
        tag &+= 1
        if let endpoint = route.endpoint {
            let deadline = endpoint.answerTimeout.map { NIODeadline.now() + TimeAmount($0) }
            expire(at: deadline ?? .distantFuture)
            let request = current.request(body: current.body)
            let limit = limit(of: route)
            if current.body.count > Self.shortBody || current.framing.gzip {
                let reservation = BodyReservation(shared, takingOver: current.reserved)
                exchange?.reserved = 0
                work { [gzip = current.framing.gzip] in
                    switch endpoint.message(of: request, gzip: gzip, limit: limit, reserve: reservation.reserve) {
                    case .success(let message):
                        // What was sent is not needed any more once it is inflated.
                        reservation.keep(message.payload.count)
                        return .deliver(message, reservation)
                    case .failure(let refusal): return .answer(refusal.response)
                    }
                }
            } else {
                switch endpoint.message(of: request, gzip: false, limit: limit) {
                case .success(let message): deliver(message, settler)
                case .failure(let refusal): answer(refusal.response)
                }
            }
        } else if let resource = route.resource {
            expire(at: .distantFuture)
            let request = current.request(body: current.body)
            work { .answer(await resource.respond(request)) }
        }
    }

    private func work(_ body: @escaping @Sendable () async -> InboundJob.Result) {
        guard let settler else { return }
        jobs.yield(InboundJob(tag: tag, settler: settler, body: body))
    }

    /// What the connection's task made of a request.
    func finish(_ finished: UInt64, _ result: InboundJob.Result) {
        guard phase == .waiting, finished == tag else { return }
        switch result {
        case .deliver(let message, let reservation): deliver(message, settler.map(reservation.holding))
        case .answer(let response): answer(response)
        }
    }

    private func deliver(_ message: Message, _ settler: (any Settler)?) {
        guard let settler, let route = exchange?.route else { return }
        let retryAfter = exchange?.retryAfter ?? .seconds(1)
        var message = message
        if let tracer = shared.tracer, let exchange {
            self.exchange?.span = tracer.begin(&message, of: exchange, path: route.path)
        }
        switch route.offer(Delivery(message, settler: settler, tag: tag)) {
        case .taken: break
        case .full: answer(.unavailable("too many messages wait to be handled", retryAfter: retryAfter))
        case .unsubscribed: answer(.unavailable("no route handles these messages for now", retryAfter: retryAfter))
        }
    }

    func settled(_ settled: UInt64, _ settlement: Settlement) {
        guard phase == .waiting, settled == tag else { return }
        answer(HTTPInboundResponse(settling: settlement, retryAfter: exchange?.retryAfter ?? .seconds(1)))
    }
}
