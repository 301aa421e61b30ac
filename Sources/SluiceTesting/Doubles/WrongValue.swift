import Sluice

/// A value that a field of a configuration must not have, for tests of what is refused:
///
///     let wrong: [WrongValue<Mine.Configuration>] = [
///         .init("capacity") { $0.capacity = 0 },
///         .init("timeout") { $0.timeout = .zero },
///     ]
///     #expect(WrongValue.problems(with: wrong, in: .init(), of: "Mine", free: ["name"]) { try Mine($0) } == [])
public struct WrongValue<Configuration>: Sendable {
    /// The field, as the error names it behind its owner: `retention.age`.
    public let field: String
    /// Gives the configuration the wrong value.
    public let change: @Sendable (inout Configuration) -> Void

    public init(_ field: String, _ change: @escaping @Sendable (inout Configuration) -> Void) {
        self.field = field
        self.change = change
    }

    /// A nested field counts for the one that it is in.
    private var root: String { String(field.prefix { $0 != "." && $0 != "[" }) }

    /// Tries each of them, and each with the next where that is of another field, and looks whether every field has one.
    /// - Parameters:
    ///   - wrong: a value outside its range for each field.
    ///   - standard: a configuration that is accepted.
    ///   - owner: what stands before the fields' names in errors.
    ///   - free: fields that may have every value.
    ///   - areNamedAtOnce: whether two wrong fields are named by one error; false where another library looks at them one by one.
    ///   - use: what refuses a configuration.
    /// - Returns: what is not as it should be; empty when each value is refused by a `ConfigurationError` that names its field, and
    ///   two by one that names both.
    public static func problems(
        with wrong: [WrongValue], in standard: Configuration, of owner: String, free: Set<String> = [],
        areNamedAtOnce: Bool = true, _ use: (Configuration) throws -> Void
    ) -> [String] {
        var problems: [String] = []
        do { try use(standard) } catch { problems.append("the standard is refused: \(error)") }
        for value in wrong {
            var configuration = standard
            value.change(&configuration)
            let field = "\(owner).\(value.field)"
            do {
                try use(configuration)
                problems.append("\(field) is accepted")
            } catch let error as ConfigurationError {
                if error.field != field { problems.append("\(field) is refused as \(error)") }
            } catch {
                problems.append("\(field) is refused by \(type(of: error)): \(error)")
            }
        }
        for (first, second) in zip(wrong, wrong.dropFirst()) where areNamedAtOnce && first.root != second.root {
            var configuration = standard
            first.change(&configuration)
            second.change(&configuration)
            let fields = ["\(owner).\(first.field)", "\(owner).\(second.field)"]
            do {
                try use(configuration)
            } catch let error as ConfigurationError {
                let named = error.problems.map(\.field)
                if !fields.allSatisfy(named.contains) {
                    problems.append("\(fields.joined(separator: " and ")) are refused as \(error)")
                }
            } catch {}
        }
        let tried = Set(wrong.map(\.root))
        for case let name? in Mirror(reflecting: standard).children.map(\.label) {
            if !tried.contains(name), !free.contains(name) { problems.append("\(owner).\(name) is not tried") }
        }
        return problems
    }
}
