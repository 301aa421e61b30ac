import Sluice
import SluiceHTTP

/// Where a sink's requests go: one address, or a template of addresses.
struct HTTPSinkAddress: Sendable {
    private static let maximumSize = 8 << 10

    private enum Kind: Sendable {
        case fixed(Secret)
        case template(EventTemplate)
    }

    private let kind: Kind
    /// Whether the events have a hand in it.
    let isTemplate: Bool
    /// Whether they say which host is asked.
    let choosesHost: Bool

    /// - Throws: what is wrong with it, which shows nothing of it.
    init(_ address: Secret, allowsPrivateAddresses: Bool) throws(TemplateFault) {
        let text = address.reveal()
        let template = try EventTemplate(text, as: .url, isSecret: true)
        isTemplate = template.hasFields
        choosesHost = isTemplate && Self.hasTemplateInHost(text)
        // Values are stood in for: an event may have what makes no address, and is refused then.
        let outlines = (SampleEvents.whole + SampleEvents.sparse).map(template.outline)
        guard
            let outline = outlines.first(where: { [isTemplate] in
                Self.isValid($0) && !(isTemplate && Self.hasDotSegments($0))
            })
        else {
            throw Self.fault(Self.expected)
        }
        guard isTemplate else {
            kind = .fixed(Secret(outline))
            return
        }
        kind = .template(template)
        if !allowsPrivateAddresses, !choosesHost, PublicAddress.isPublic(host: String(Self.host(of: outline))) == false
        {
            throw Self.fault(
                "the host is not at a public address: expected allow_private beside an address with fields in it")
        }
    }

    private static let expected =
        "expected an address that begins with https:// or http://, without user, password, or fragment"

    private static func fault(_ text: String) -> TemplateFault { TemplateFault(line: 1, column: 1, text: text) }

    /// The address for an event.
    /// - Throws: an error that gives the event up, which says what it lacks.
    func url(for delivery: SinkDelivery, target: String) throws(HandlerError) -> String {
        switch kind {
        case .fixed(let address): return address.reveal()
        case .template(let template):
            do throws(Failure) {
                return try Self.valid(template, delivery)
            } catch {
                switch error {
                case .missing(let field):
                    throw Self.error(
                        "the event has no \(field), which the address of \(target) needs", "url_field_missing")
                case .tooLarge: throw Self.error("the event makes the address of \(target) too long", "url_too_long")
                case .notAnAddress:
                    throw Self.error("the event makes no address of the url of \(target)", "url_invalid")
                }
            }
        }
    }

    private static func error(_ text: String, _ reason: String) -> HandlerError {
        HandlerError(text, reason: reason, disposition: .poison(text))
    }

    private enum Failure: Error {
        case missing(String)
        case tooLarge, notAnAddress
    }

    private static func valid(
        _ template: EventTemplate, _ delivery: SinkDelivery
    ) throws(Failure) -> String {
        let url: String
        do throws(TemplateFailure) {
            url = try template.render(delivery, atMost: maximumSize)
        } catch {
            switch error {
            case .missing(let field): throw .missing(field)
            case .tooLarge: throw .tooLarge
            }
        }
        guard isValid(url), !hasDotSegments(url) else { throw .notAnAddress }
        return url
    }

    /// A host, too, of which no label is empty.
    private static func isValid(_ url: String) -> Bool {
        guard WebAddress.isValid(url) else { return false }
        let host = host(of: url)
        return host.hasPrefix("[")
            || !host.split(separator: ".", omittingEmptySubsequences: false).dropLast().contains("")
    }

    /// `..` climbs out of the path that the template begins with; so does its percent-encoded form.
    private static func hasDotSegments(_ url: String) -> Bool {
        guard let scheme = url.firstRange(of: "://") else { return false }
        let path = url[scheme.upperBound...].prefix { $0 != "?" && $0 != "#" }
        return path.split(separator: "/").dropFirst().contains { segment in
            let plain = segment.lowercased().replacing("%2e", with: ".")
            return plain == "." || plain == ".."
        }
    }

    /// Whether a field stands in the part that says which host is asked.
    static func hasTemplateInHost(_ text: String) -> Bool {
        guard let scheme = text.firstRange(of: "://") else { return text.contains("{{") }
        return text[..<scheme.lowerBound].contains("{{") || authority(of: text).contains("{{")
    }

    private static func authority(of url: String) -> Substring {
        guard let scheme = url.firstRange(of: "://") else { return "" }
        return url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    }

    private static func host(of url: String) -> Substring {
        let authority = authority(of: url)
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return authority[...end] }
        return authority.prefix { $0 != ":" }
    }
}
