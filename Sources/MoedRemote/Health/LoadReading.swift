/// Load of an engine, from the text of its `/metrics` (Prometheus).
package struct LoadReading: Sendable, Equatable {
    package var running = 0
    package var waiting = 0
    /// Sequences that were put back because the KV cache was full, since the engine's start.
    package var preemptions = 0

    private static let bytesMax = 4 << 20
    private static let runningNames = [
        "vllm:num_requests_running", "sglang:num_running_reqs", "llamacpp:requests_processing",
    ]
    private static let waitingNames = [
        "vllm:num_requests_waiting", "sglang:num_queue_reqs", "llamacpp:requests_deferred",
    ]
    private static let preemptionNames = ["vllm:num_preemptions_total"]

    /// Reads the text. Nil when it tells neither running nor waiting requests.
    package init?(_ bytes: [UInt8]) {
        var isFound = false
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            let name = line.prefix { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: " ") }
            guard let last = line.split(separator: UInt8(ascii: " ")).last,
                let value = Double(String(decoding: last, as: UTF8.self)), value.isFinite, value >= 0, value < 1e15
            else { continue }
            func isOne(of names: [String]) -> Bool { names.contains { name.elementsEqual($0.utf8) } }
            if isOne(of: Self.runningNames) {
                running += Int(value)
                isFound = true
            } else if isOne(of: Self.waitingNames) {
                waiting += Int(value)
                isFound = true
            } else if isOne(of: Self.preemptionNames) {
                preemptions += Int(value)
            }
        }
        guard isFound else { return nil }
    }

    package init(running: Int, waiting: Int, preemptions: Int = 0) {
        (self.running, self.waiting, self.preemptions) = (running, waiting, preemptions)
    }

    /// Collects a response with a reading.
    package struct Reader: Sendable {
        private var isGood = false
        private var body: [UInt8] = []

        package init() {}

        /// Takes the next part. Returns nil while more is to come; then the reading, or nil in it.
        package mutating func take(_ event: TransportEvent) -> LoadReading?? {
            switch event {
            case .head(let head):
                isGood = head.status == 200
                return nil
            case .bytes(let bytes):
                guard isGood, body.count + bytes.count <= LoadReading.bytesMax else { return .some(nil) }
                body += bytes
                return nil
            case .ended: return .some(isGood ? LoadReading(body) : nil)
            case .failed: return .some(nil)
            }
        }
    }
}
