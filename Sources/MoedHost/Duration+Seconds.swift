extension Duration {
    /// Seconds as a number, for rates and log lines.
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
