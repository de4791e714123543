/// Numbers beside charts: at most four digits and a letter.
enum AxisNumber {
    static func text(_ value: Double) -> String {
        guard value.magnitude < 1e15 else { return value.isFinite ? "many" : "–" }
        for (size, letter) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where value.magnitude >= size {
            return digits(value / size) + letter
        }
        return digits(value)
    }

    /// Two decimals below 10, one below 100; zeros at the end are left out.
    private static func digits(_ value: Double) -> String {
        let scale = value.magnitude < 10 ? 100.0 : value.magnitude < 100 ? 10 : 1
        let scaled = Int((value * scale).rounded())
        let (whole, part) = (scaled / Int(scale), scaled % Int(scale))
        guard part != 0 else { return String(whole) }
        let places = scale == 100 ? 2 : 1
        var fraction = String(part.magnitude)
        while fraction.count < places { fraction = "0" + fraction }
        while fraction.last == "0" { fraction.removeLast() }
        return "\(value < 0 && whole == 0 ? "-" : "")\(whole).\(fraction)"
    }
}
