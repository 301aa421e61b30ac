/// An option, and where the configuration keeps its value.
struct ConfigurationSetting: Sendable {
    let variable: ConfigurationVariable
    /// Reads it, where it is set.
    let read: @Sendable (inout ConfigurationValues, inout GatewayConfiguration) -> Void

    init<Value>(
        _ option: ConfigurationOption<Value>, _ path: any WritableKeyPath<GatewayConfiguration, Value> & Sendable
    ) {
        variable = option.variable
        read = { values, configuration in
            if let value = values.read(option) { configuration[keyPath: path] = value }
        }
    }

    init<Value>(
        _ option: ConfigurationOption<Value>, _ path: any WritableKeyPath<GatewayConfiguration, Value?> & Sendable
    ) {
        variable = option.variable
        read = { values, configuration in
            if let value = values.read(option) { configuration[keyPath: path] = value }
        }
    }
}
