/// The secrets of a configuration, to be taken out of whatever librdkafka says.
struct SecretTexts: Sendable {
    private let texts: [String]

    init(_ texts: [String] = []) {
        self.texts = texts.filter { !$0.isEmpty }
    }

    func redact(_ text: String) -> String {
        texts.reduce(text) { $0.replacing($1, with: "<secret>") }
    }

    /// Whether the value of librdkafka's property is, or may hold, a credential.
    static func isSecret(property name: String) -> Bool {
        ["password", "secret", ".pem", "ssl.key", "oauthbearer", "kinit", "sasl.username"].contains {
            name.contains($0)
        }
    }
}
