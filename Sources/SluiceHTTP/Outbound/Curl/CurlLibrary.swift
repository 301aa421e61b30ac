import CCurl

/// libcurl as a whole, set up once for the process.
enum CurlLibrary {
    /// `curl_global_init` must run once, before anything else of libcurl; a static is initialised once, by whichever
    /// thread comes first. It is never undone: other parts of the process may use libcurl too.
    private static let setup: CURLcode = curl_global_init(Int(CURL_GLOBAL_SSL | CURL_GLOBAL_WIN32))

    static func start() throws(HTTPClient.SetupError) {
        guard setup == CURLE_OK else { throw HTTPClient.SetupError("libcurl cannot start: \(text(for: setup))") }
    }

    /// libcurl's own words for a code: fixed texts, unlike its error buffers, which name hosts and URLs.
    static func text(for code: CURLcode) -> String {
        curl_easy_strerror(code).map { String(cString: $0) } ?? "code \(code.rawValue)"
    }
}
