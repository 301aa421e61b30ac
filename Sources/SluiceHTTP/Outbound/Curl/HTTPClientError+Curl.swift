import CCurl

extension HTTPClientError {
    /// What libcurl's verdict on a transfer means.
    init(_ code: CURLcode, on easy: EasyHandle, target: String) {
        let word = Self.word(for: code, on: easy)
        self.init(
            word, target: target, outcomeUnknown: easy.hasSent, status: easy.status,
            detail: Self.detail(for: code, word, on: easy))
    }

    private static func detail(for code: CURLcode, _ word: Code, on easy: EasyHandle) -> String? {
        switch word {
        case .bodyTooLarge, .headersTooLarge: nil
        case .addressRefused where easy.isProxied: "a proxy resolves the name"
        case .addressRefused: "the host is not at a public address"
        case .proxyRefused where easy.proxyStatus > 0: "the proxy answered \(easy.proxyStatus)"
        case .tlsFailed where code == CURLE_PEER_FAILED_VERIFICATION: certificateFault(easy.verificationResult)
        default: CurlLibrary.text(for: code)
        }
    }

    /// OpenSSL's verdict on the server's certificate (x509_vfy.h). Libcurl compares the name itself, afterwards.
    private static func certificateFault(_ verdict: Int) -> String {
        switch verdict {
        case 0, 62, 64: "the certificate is for another host"
        case 9: "the certificate is not valid yet"
        case 10: "the certificate has expired"
        case 2, 18, 19, 20, 21, 27: "the certificate is signed by an authority that is not trusted"
        case 23: "the certificate was revoked"
        default: "the certificate cannot be verified, OpenSSL's code \(verdict)"
        }
    }

    private static func word(for code: CURLcode, on easy: EasyHandle) -> Code {
        if easy.wasRefusedRepetition { return .connectionReset }
        if easy.wasRefusedAddress, !easy.hasPublicAddress, !easy.hasSent { return .addressRefused }
        if easy.headIsTooLarge { return .headersTooLarge }
        if easy.bodyIsTooLarge { return .bodyTooLarge }
        // What came of the proxy alone is no answer of the server.
        if easy.proxyStatus >= 300, !easy.hasSent { return .proxyRefused }
        switch code {
        case CURLE_PROXY:
            return .proxyRefused
        case CURLE_URL_MALFORMAT:
            return .invalidURL
        case CURLE_BAD_FUNCTION_ARGUMENT:
            return .invalidRequest
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            return .dnsFailed
        case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED:
            return .connectFailed
        case CURLE_OPERATION_TIMEDOUT:
            // Libcurl is told the connect timeout alone; the total one is the client's own.
            return easy.hasSent ? .timeout : .connectTimeout
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_USE_SSL_FAILED,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CLIENTCERT:
            return .tlsFailed
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM,
            CURLE_SEND_FAIL_REWIND:
            return easy.hasAnswer ? .responseTruncated : .connectionReset
        case CURLE_PARTIAL_FILE:
            return .responseTruncated
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING:
            return easy.hasSent ? .responseMalformed : .invalidURL
        default:
            return .failed
        }
    }
}
