/// What is wrong with a template, and where in it.
struct TemplateFault: Error, Equatable, CustomStringConvertible {
    /// From 1.
    let line: Int
    /// From 1, in characters.
    let column: Int
    let text: String

    var description: String { "line \(line), column \(column) of the template: \(text)" }
}

/// Why a template gives nothing for an event.
enum TemplateFailure: Error, Equatable {
    /// What it gives is longer than it may be.
    case tooLarge
    /// The event does not have this field, and an address needs it.
    case missing(String)
}
