import Sluice

/// An option, and where the configuration keeps its value.
struct ConfigurationSetting: Sendable {
    /// The property's name.
    let field: String
    let variable: ConfigurationVariable
    /// Reads it, where it is set.
    let read: @Sendable (inout ConfigurationValues, inout GatewayConfiguration) -> Void
    /// Refuses what a program has put there and what cannot be.
    let check: @Sendable (GatewayConfiguration, inout ConfigurationCheck) -> Void
    /// Puts something there that is refused; nil where nothing is.
    let spoil: (@Sendable (inout GatewayConfiguration) -> Void)?

    init<Value>(
        _ field: String, _ option: ConfigurationOption<Value>,
        _ path: any WritableKeyPath<GatewayConfiguration, Value> & Sendable
    ) {
        self.init(field, option, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 })
    }

    init<Value>(
        _ field: String, _ option: ConfigurationOption<Value>,
        _ path: any WritableKeyPath<GatewayConfiguration, Value?> & Sendable
    ) {
        self.init(field, option, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 })
    }

    private init<Value>(
        _ field: String, _ option: ConfigurationOption<Value>,
        get: @escaping @Sendable (GatewayConfiguration) -> Value?,
        set: @escaping @Sendable (inout GatewayConfiguration, Value) -> Void
    ) {
        self.field = field
        variable = option.variable
        read = { values, configuration in
            if let value = values.read(option) { set(&configuration, value) }
        }
        let refuse = option.format.check
        check = { (configuration: GatewayConfiguration, problems: inout ConfigurationCheck) in
            guard let refuse, let value = get(configuration) else { return }
            refuse(field, value, &problems)
        }
        if let wrong = option.format.wrong {
            spoil = { (configuration: inout GatewayConfiguration) in set(&configuration, wrong) }
        } else {
            spoil = nil
        }
    }
}
