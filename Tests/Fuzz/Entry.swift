import Glibc

/// Fuzzed parsers by name. Each reads untrusted input and must return, never trap or hang.
private let targets: [String: @Sendable ([UInt8]) -> Void] = [
    "json": fuzzJSON, "jinja": fuzzTemplate, "tokenizer": fuzzTokenizer, "safetensors": fuzzSafetensors,
    "manifest": fuzzManifest, "request": fuzzRequest, "config": fuzzConfiguration, "tokens": fuzzTokens,
    "gguf": fuzzGGUF, "grammar": fuzzGrammar,
]

private let target: @Sendable ([UInt8]) -> Void = {
    let name = unsafe getenv("MOED_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = targets[name] else {
        print("MOED_FUZZ_TARGET must be one of \(targets.keys.sorted()), not “\(name)”")
        exit(2)
    }
    return target
}()

/// Called by libFuzzer with one input after the other.
@c(LLVMFuzzerTestOneInput)
package func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Prints the broken condition and aborts the run: libFuzzer keeps the input.
func check(_ holds: Bool, _ message: @autoclosure () -> String) {
    guard !holds else { return }
    var text = "Fatal error: \(message())\n"
    _ = text.withUTF8 { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    abort()
}
