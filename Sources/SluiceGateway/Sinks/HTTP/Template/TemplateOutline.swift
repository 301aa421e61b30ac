import Sluice

/// A piece of a template, and where it stands.
struct TemplatePiece: Sendable {
    enum Kind: Sendable {
        case text(String)
        case value(TemplateField.Kind)
        case open(TemplateField, isInverted: Bool)
        case close
    }

    let kind: Kind
    let line: Int
    let column: Int

    /// Whether it depends on the event.
    var isField: Bool {
        switch kind {
        case .text: false
        case .value, .open, .close: true
        }
    }
}

/// What a template gives for sample events, with stand-ins for values, and which piece each byte of it came from.
struct TemplateOutline {
    private let pieces: [TemplatePiece]

    init(_ pieces: [TemplatePiece]) {
        self.pieces = pieces
    }

    /// Tries events of each kind, with all fields and with the fewest: what is no JSON then never will be.
    /// - Parameter ofIncidents: whether incidents are tried, and not the kinds that every sink gets.
    func checkJSON(ofIncidents: Bool = false) throws(TemplateFault) {
        let whole = ofIncidents ? SampleEvents.wholeIncidents : SampleEvents.whole
        let sparse = ofIncidents ? SampleEvents.sparseIncidents : SampleEvents.sparse
        for (samples, note) in [(whole, ""), (sparse, " with the fewest fields")] {
            for delivery in samples {
                let (bytes, origins) = trace(delivery)
                if bytes.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) { continue }
                do throws(JSONError) {
                    try JSONReader.validate(bytes)
                } catch {
                    let (line, column) = place(of: error.offset, bytes, origins)
                    throw TemplateFault(
                        line: line, column: column,
                        text: "it is no JSON for an event of the kind \(delivery.event.kind.rawValue)\(note): expected "
                            + error.expected)
                }
            }
        }
    }

    func bytes(for delivery: SinkDelivery) -> [UInt8] { trace(delivery).bytes }

    private typealias Origin = (offset: Int, piece: TemplatePiece)

    private func trace(_ delivery: SinkDelivery) -> (bytes: [UInt8], origins: [Origin]) {
        var bytes: [UInt8] = []
        var origins: [Origin] = []
        // Whether what is in each open section is written.
        var shown: [Bool] = []
        for piece in pieces {
            let isShown = shown.last ?? true
            switch piece.kind {
            case .open(let field, let isInverted): shown.append(isShown && isThere(field, delivery) != isInverted)
            case .close: _ = shown.popLast()
            case .text(let text):
                guard isShown else { continue }
                origins.append((bytes.count, piece))
                bytes += Array(text.utf8)
            case .value(let kind):
                guard isShown else { continue }
                origins.append((bytes.count, piece))
                switch kind {
                case .text: bytes.append(UInt8(ascii: "x"))
                case .number: bytes.append(UInt8(ascii: "0"))
                case .flag: bytes += Array("true".utf8)
                }
            }
        }
        return (bytes, origins)
    }

    private func isThere(_ field: TemplateField, _ delivery: SinkDelivery) -> Bool {
        switch field.value(delivery) {
        case .text(let text)?: !text.isEmpty
        case .flag(let flag)?: flag
        case .number?: true
        case nil: false
        }
    }

    private func place(of offset: Int, _ bytes: [UInt8], _ origins: [Origin]) -> (line: Int, column: Int) {
        guard let origin = origins.last(where: { $0.offset <= offset }) else { return (1, 1) }
        var (line, column) = (origin.piece.line, origin.piece.column)
        guard case .text = origin.piece.kind else { return (line, column) }
        for character in String(decoding: bytes[origin.offset..<min(offset, bytes.count)], as: UTF8.self) {
            if character.isNewline {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return (line, column)
    }
}
