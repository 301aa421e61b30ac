import Sluice

/// A fact as a line of JSON, for `sluice report deployments --from`: the payload of a fact's message, with the member
/// `fact_type` beside the others. docs/DEPLOYMENTS.md describes the members.
package enum FactLine {
    /// - Throws: ``SourceError``, which never shows the line.
    package static func read(_ line: [UInt8]) throws(SourceError) -> Fact {
        var type: String?
        do {
            try JSONReader.fields(of: line) { (reader) throws(JSONError) in
                try reader.fieldOrSkip("fact_type", &type)
            }
        } catch {
            throw SourceError("the fact is not valid JSON: \(error)", reason: Fact.malformed)
        }
        guard let type else { throw Fact.missing("fact_type", "push, deployment or incident") }
        return try Fact(Message(metadata: [Fact.typeKey: type], payload: line))
    }

    /// The line of a fact, without its end.
    package static func write(_ fact: Fact) -> [UInt8] {
        let message = fact.message()
        return Array("{\"fact_type\":\"\(fact.kind.rawValue)\",".utf8) + message.payload.dropFirst()
    }
}
