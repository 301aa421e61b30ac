extension ConfigurationWatch {
    /// Nil where the configuration was read from no file.
    convenience init?(of configuration: GatewayConfiguration, for reloader: Reloader) {
        guard let first = configuration.written.origin else { return nil }
        self.init(
            origin: { reloader.origin ?? first },
            reload: { again in
                do {
                    try await reloader.reload(by: again ? .fileAgain : .file)
                    return false
                } catch {
                    return (error as? ReloadRefusal)?.mayPass ?? false
                }
            })
    }
}
