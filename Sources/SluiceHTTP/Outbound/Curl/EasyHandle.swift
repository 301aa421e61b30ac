import CCurl
import Glibc
import Sluice

/// Owns an easy handle: one transfer at a time, and what has come of its answer. Used by the client's thread alone.
final class EasyHandle {
    let handle: UnsafeMutableRawPointer
    private var requestHeaders: UnsafeMutablePointer<curl_slist>?
    private var failure = CURLE_OK
    private var line: [CChar] = []

    private var head: [UInt8] = []
    private var body: [UInt8] = []
    private var maximumHead = 0
    private var maximumBody = 0
    private(set) var headIsTooLarge = false
    private(set) var bodyIsTooLarge = false
    /// How often the request was about to be written to a connection: more than once when libcurl tries again.
    private(set) var attempts = 0
    private var maximumAttempts = 1
    private(set) var wasRefusedRepetition = false
    private var requiresPublicAddress = false
    /// Whether the request goes to a proxy, which connects to the host.
    private(set) var isProxied = false
    /// Whether an address was left alone because it is not public.
    private(set) var wasRefusedAddress = false
    /// Whether another one was tried.
    private(set) var hasPublicAddress = false

    init?() {
        guard let handle = curl_easy_init() else { return nil }
        self.handle = handle
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(requestHeaders)
    }

    /// Whether a byte of the request may have left.
    var hasSent: Bool { attempts > 0 }
    var hasAnswer: Bool { !head.isEmpty }

    /// The status of the answer so far; nil before one.
    var status: Int? {
        var status = 0
        sluice_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return status >= 200 ? status : nil
    }

    /// What a proxy answered to CONNECT; 0 where none was asked.
    var proxyStatus: Int { long(CURLINFO_HTTP_CONNECTCODE) }

    /// OpenSSL's verdict on the server's certificate; 0 is good.
    var verificationResult: Int { long(CURLINFO_SSL_VERIFYRESULT) }

    private func long(_ info: CURLINFO) -> Int {
        var value = 0
        sluice_curl_get_long(handle, info, &value)
        return value
    }

    /// Makes it send this request. Libcurl copies every string and the body.
    ///
    /// - Parameter certificates: must stay until the handle is reset.
    func prepare(
        _ request: HTTPClient.Request, _ configuration: HTTPClient.Configuration, _ certificates: CertificateBundle?,
        _ connections: ResetMemory.Advice
    ) -> CURLcode {
        maximumHead = configuration.maximumHeaderSize
        maximumBody = configuration.maximumBodySize
        // Libcurl repeats any request whose reused connection ends without an answer; a POST may have been processed.
        maximumAttempts = request.isIdempotent ? .max : 1
        requiresPublicAddress = request.requiresPublicAddress
        isProxied = !configuration.proxy.address(for: request.url).isEmpty
        setPolicy(configuration)
        setProxy(configuration.proxy, for: request.url)
        if let certificates { setCertificates(certificates) }
        switch connections {
        case .any: break
        case .fresh: set(CURLOPT_FRESH_CONNECT, 1)
        case .youngerThan(let seconds): set(CURLOPT_MAXLIFETIME_CONN, seconds)
        }
        if request.connectsOnly { set(CURLOPT_CONNECT_ONLY, 1) }
        setCallbacks()
        set(CURLOPT_URL, request.url)
        setMethod(request)
        setHeaders(request)
        setCredentials(request.credentials)
        return failure
    }

    /// Forgets the request, its secrets, and its answer. The connection stays open for others.
    func reset() {
        curl_easy_reset(handle)
        curl_slist_free_all(requestHeaders)
        requestHeaders = nil
        failure = CURLE_OK
        head.removeAll(keepingCapacity: true)
        body = []
        headIsTooLarge = false
        bodyIsTooLarge = false
        attempts = 0
        wasRefusedRepetition = false
        wasRefusedAddress = false
        hasPublicAddress = false
    }

    /// The answer, copied out once by the callbacks.
    func takeResponse(target: String) -> HTTPClient.Response {
        defer { body = [] }
        return HTTPClient.Response(
            status: status ?? 0, headers: HTTPClient.Headers(bytes: Array(head)), body: body,
            isBodyTruncated: bodyIsTooLarge, target: target)
    }
}

// MARK: Options

extension EasyHandle {
    private func setPolicy(_ configuration: HTTPClient.Configuration) {
        set(CURLOPT_NOSIGNAL, 1)
        // A lookup that hangs must not hold up the thread when its transfer is removed: its own thread is let go.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, configuration.connectTimeout.wholeMilliseconds))
        let interval = max(1, configuration.keepAliveInterval.wholeMilliseconds / 1000)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, interval)
        set(CURLOPT_TCP_KEEPINTVL, interval)
        set(CURLOPT_USERAGENT, configuration.userAgent)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        if let file = configuration.trustedCertificates {
            set(CURLOPT_CAINFO, file)
            check(sluice_curl_set_pointer(handle, CURLOPT_CAPATH, nil))
        }
    }

    private func setProxy(_ proxy: HTTPClient.Proxy, for url: String) {
        // An empty proxy is none, and an empty list of exceptions too, whatever the environment says.
        set(CURLOPT_PROXY, proxy.address(for: url))
        set(CURLOPT_NOPROXY, proxy.exceptions ?? "")
        // What a proxy answers to CONNECT is no part of the answer.
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    }

    private func setCertificates(_ bundle: CertificateBundle) {
        var blob = curl_blob(
            data: bundle.bytes.baseAddress, len: bundle.bytes.count, flags: UInt32(CURL_BLOB_NOCOPY))
        check(sluice_curl_set_blob(handle, CURLOPT_CAINFO_BLOB, &blob))
        check(sluice_curl_set_blob(handle, CURLOPT_PROXY_CAINFO_BLOB, &blob))
    }

    private func setCallbacks() {
        let context = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
        check(
            sluice_curl_set_data_function(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                EasyHandle.lent(context).receiveHead(bytes, size * count)
            })
        check(sluice_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
        check(
            sluice_curl_set_data_function(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                EasyHandle.lent(context).receiveBody(bytes, size * count)
            })
        check(sluice_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
        check(
            sluice_curl_set_prereq_function(handle) { context, address, _, _, _ in
                EasyHandle.lent(context).beginAttempt(at: address)
            })
        check(sluice_curl_set_pointer(handle, CURLOPT_PREREQDATA, context))
        guard requiresPublicAddress else { return }
        check(
            sluice_curl_set_opensocket_function(handle) { context, _, address in
                EasyHandle.lent(context).openSocket(address)
            })
        check(sluice_curl_set_pointer(handle, CURLOPT_OPENSOCKETDATA, context))
    }

    private func setMethod(_ request: HTTPClient.Request) {
        if let body = request.body ?? (request.method == "POST" ? [] : nil) {
            set(CURLOPT_POST, 1)
            check(sluice_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
            body.withUnsafeBytes { bytes in
                // An empty array may lend no address, which libcurl would take for "no body".
                withUnsafeBytes(of: 0 as UInt8) { empty in
                    let address = bytes.baseAddress ?? empty.baseAddress
                    check(sluice_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, address))
                }
            }
            if request.method != "POST" { set(CURLOPT_CUSTOMREQUEST, request.method) }
        } else if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
        } else if request.method != "GET" {
            set(CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    private func setHeaders(_ request: HTTPClient.Request) {
        // Libcurl's own additions to a POST: a content type that is a guess, and a wait before large bodies.
        var hasContentType = false
        for header in request.headers {
            if header.name.utf8.count == 12, header.name.lowercased() == "content-type" { hasContentType = true }
            append(header.name, header.value.isEmpty ? ";" : ": ", header.value)
        }
        if !hasContentType { append("Content-Type", ":", "") }
        append("Expect", ":", "")
        check(sluice_curl_set_list(handle, CURLOPT_HTTPHEADER, requestHeaders))
    }

    private func append(_ name: String, _ separator: String, _ value: String) {
        line.removeAll(keepingCapacity: true)
        for part in [name, separator, value] { for byte in part.utf8 { line.append(CChar(bitPattern: byte)) } }
        line.append(0)
        guard let list = curl_slist_append(requestHeaders, line) else { return check(CURLE_OUT_OF_MEMORY) }
        requestHeaders = list
    }

    private func setCredentials(_ credentials: Credentials?) {
        switch credentials?.kind {
        case .basic(let user, let password):
            set(CURLOPT_HTTPAUTH, 1 << 0)
            set(CURLOPT_USERNAME, user)
            set(CURLOPT_PASSWORD, password)
        case .bearer(let token):
            set(CURLOPT_HTTPAUTH, 1 << 6)
            set(CURLOPT_XOAUTH2_BEARER, token)
        case nil: break
        }
    }

    private func set(_ option: CURLoption, _ value: Int) {
        check(sluice_curl_set_long(handle, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) {
        check(sluice_curl_set_string(handle, option, value))
    }

    private func check(_ code: CURLcode) {
        if failure == CURLE_OK { failure = code }
    }
}

// MARK: What libcurl calls

extension EasyHandle {
    /// The handle that a callback was set up with: it is alive, for its owner removes it from libcurl before it lets go.
    private static func lent(_ context: UnsafeMutableRawPointer?) -> EasyHandle {
        // The context is the address given in `setCallbacks`, never nil.
        Unmanaged<EasyHandle>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private func receiveHead(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let bytes, count > 0 else { return 0 }
        let line = UnsafeRawBufferPointer(start: bytes, count: count)
        // A status line begins the head anew: what came before was an interim answer (1xx).
        if line.starts(with: "HTTP/".utf8) { head.removeAll(keepingCapacity: true) }
        guard head.count + count <= maximumHead else {
            headIsTooLarge = true
            return 0
        }
        head.append(contentsOf: line)
        return count
    }

    private func receiveBody(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let bytes, count > 0 else { return 0 }
        let room = maximumBody - body.count
        body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: min(room, count)))
        // A number other than `count` ends the transfer.
        bodyIsTooLarge = count > room
        return bodyIsTooLarge ? 0 : count
    }

    /// Makes the socket for an address that the host's name was resolved to; a host with several has the next one tried.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
        guard let address, !isProxied else { return refuseAddress() }
        // The struct ends with the first bytes of an address that may be longer.
        let first = UnsafeRawPointer(address) + (MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0)
        let bytes = UnsafeRawBufferPointer(start: first, count: Int(address.pointee.addrlen))
        guard PublicAddress.isPublic(bytes) else { return refuseAddress() }
        hasPublicAddress = true
        var kind = address.pointee.socktype
        kind |= Int32(SOCK_CLOEXEC.rawValue)
        return socket(address.pointee.family, kind, address.pointee.protocol)
    }

    private func refuseAddress() -> curl_socket_t {
        wasRefusedAddress = true
        return sluice_curl_no_socket
    }

    /// - Parameter address: the one that the connection goes to, which may be open since a request that asks for less.
    private func beginAttempt(at address: UnsafeMutablePointer<CChar>?) -> Int32 {
        if requiresPublicAddress {
            guard let address, !isProxied, PublicAddress.isPublic(numeric: String(cString: address)) else {
                wasRefusedAddress = true
                return CURL_PREREQFUNC_ABORT
            }
        }
        guard attempts < maximumAttempts else {
            wasRefusedRepetition = true
            return CURL_PREREQFUNC_ABORT
        }
        attempts += 1
        return CURL_PREREQFUNC_OK
    }
}

extension Duration {
    /// Rounded up, within what an `Int` of milliseconds holds on every platform.
    var wholeMilliseconds: Int {
        Int(min((wholeNanoseconds / 1_000_000) + (wholeNanoseconds % 1_000_000 == 0 ? 0 : 1), UInt64(Int32.max)))
    }
}
