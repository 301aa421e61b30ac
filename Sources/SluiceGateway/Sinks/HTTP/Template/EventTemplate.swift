import Mustache
import Sluice

/// A Mustache template over an event, compiled once.
struct EventTemplate: Sendable {
    /// Whether anything in it depends on the event.
    let hasFields: Bool
    private let format: TemplateFormat
    private let compiled: MustacheTemplate
    private let size: Int
    private let pieces: [TemplatePiece]

    /// - Parameter isSecret: whether faults may not repeat what stands in it.
    init(_ text: String, as format: TemplateFormat, isSecret: Bool = false) throws(TemplateFault) {
        let pieces = try TemplateScanner.scan(text, as: format, showsNames: !isSecret)
        if format == .json { try TemplateOutline(pieces).checkJSON() }
        hasFields = pieces.contains(where: \.isField)
        self.pieces = pieces
        self.format = format
        size = text.utf8.count
        do {
            // Without it, Mustache would write every value for HTML, on top of the format's own way.
            compiled = try MustacheTemplate(string: "{{% CONTENT_TYPE:TEXT}}\n" + text)
        } catch let error as MustacheTemplate.ParserError {
            throw TemplateFault(
                line: max(1, error.context.lineNumber - 1), column: error.context.columnNumber,
                text: "it is not a Mustache template")
        } catch {
            throw TemplateFault(line: 1, column: 1, text: "it is not a Mustache template")
        }
    }

    /// Tries incidents, which only sinks get that ask for them.
    func checkIncidents() throws(TemplateFault) {
        if format == .json { try TemplateOutline(pieces).checkJSON(ofIncidents: true) }
    }

    /// What it gives for an event, with stand-ins for values.
    func outline(_ delivery: SinkDelivery) -> String {
        String(decoding: TemplateOutline(pieces).bytes(for: delivery), as: UTF8.self)
    }

    /// - Parameter limit: bytes that it may give.
    func render(_ delivery: SinkDelivery, atMost limit: Int) throws(TemplateFailure) -> String {
        let rendering = TemplateRendering(format, room: limit)
        let text = compiled.render(EventObject(delivery: delivery, rendering: rendering))
        if let missing = rendering.missing { throw .missing(missing) }
        guard !rendering.isFull, text.utf8.count <= limit else { throw .tooLarge }
        return text
    }
}

extension EventTemplate: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// It may hold a secret.
    var description: String { "template of \(size) bytes" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// One use of a template: writes values in its format, and stops where they become too many.
private final class TemplateRendering {
    private let format: TemplateFormat
    private var room: Int
    private(set) var isFull = false
    /// The first field that an address needs and the event does not have.
    private(set) var missing: String?

    init(_ format: TemplateFormat, room: Int) {
        self.format = format
        self.room = room
    }

    func write(_ text: String, of field: String) -> String {
        guard !isFull else { return "" }
        if text.isEmpty, format == .url, missing == nil { missing = field }
        // No escape makes a text shorter.
        guard text.utf8.count <= room else { return overflow() }
        let escaped = format.escape(text)
        guard escaped.utf8.count <= room else { return overflow() }
        room -= escaped.utf8.count
        return escaped
    }

    private func overflow() -> String {
        isFull = true
        return ""
    }
}

/// The event as Mustache looks into it.
private struct EventObject: MustacheParent {
    let delivery: SinkDelivery
    let rendering: TemplateRendering

    func child(named name: String) -> Any? {
        guard let field = TemplateField.named(name) else { return nil }
        switch field.value(delivery) {
        case .text(let text)?: return TextValue(text: text, field: name, rendering: rendering)
        case .number(let number)?: return number
        case .flag(let flag)?: return flag
        case nil: return TextValue(text: "", field: name, rendering: rendering)
        }
    }
}

/// A text, which is written in the format of the template however the tag asks for it: `{{{message}}}` too.
private struct TextValue: MustacheCustomRenderable, MustacheParent, MustacheTransformable {
    let text: String
    let field: String
    let rendering: TemplateRendering

    var renderText: String { rendering.write(text, of: field) }

    /// A section of it is written where it is there.
    var isNull: Bool { text.isEmpty }

    /// In a section of it, names are still those of the event.
    func child(named: String) -> Any? { nil }

    func transform(_ name: String) -> Any? {
        TemplateFilter(name).map { TextValue(text: $0.apply(to: text), field: field, rendering: rendering) }
    }
}
