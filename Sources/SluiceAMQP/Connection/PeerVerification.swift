import COpenSSL
import CRabbitMQ
import Sluice

/// Lets OpenSSL verify who the broker is, its name or IP address included, and tells why it refused.
///
/// librabbitmq compares names by itself, knows no IP addresses, and says only that something failed. OpenSSL calls back
/// on the thread that opens the connection, which is the only one that has this: hence no lock.
final class PeerVerification {
    /// What was refused; nil where nothing was.
    fileprivate(set) var fault: CertificateFault?
    private let context: OpaquePointer

    /// Installs itself in the socket's context, where it stays for as long as this value lives.
    /// - Parameter verifiesHostname: whether the certificate has to be for `host`.
    /// - Returns: nil when the context cannot be had, or takes no such host.
    init?(_ socket: OpaquePointer, host: String, verifiesHostname: Bool) {
        guard let context = amqp_ssl_socket_get_context(socket).map({ OpaquePointer($0) }) else { return nil }
        self.context = context
        if verifiesHostname {
            let parameters = SSL_CTX_get0_param(context)
            // Of `fe80::1%eth0` the certificate knows only the address.
            let address = String(host.prefix { $0 != "%" })
            if X509_VERIFY_PARAM_set1_ip_asc(parameters, address) != 1 {
                // The text is no address, which is no error.
                ERR_clear_error()
                // As in browsers: `*` stands for a whole label.
                X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
                guard X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1 else { return nil }
            }
        }
        SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER) { isAccepted, store in
            guard isAccepted == 0, let store else { return isAccepted }
            PeerVerification.of(store)?.fault = CertificateFault(
                code: X509_STORE_CTX_get_error(store), depth: X509_STORE_CTX_get_error_depth(store))
            return 0
        }
    }

    deinit {
        SSL_CTX_set_ex_data(context, 0, nil)
    }

    private static func of(_ store: OpaquePointer) -> PeerVerification? {
        guard let session = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let context = SSL_get_SSL_CTX(OpaquePointer(session)), let own = SSL_CTX_get_ex_data(context, 0)
        else { return nil }
        return Unmanaged<PeerVerification>.fromOpaque(own).takeUnretainedValue()
    }
}
