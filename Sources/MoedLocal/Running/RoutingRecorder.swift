import Glibc
import MoedCore
import MoedEngine
import MoedHost
import MoedWeights

/// Records the experts that each sweep uses in a file, while sweeps run.
///
/// Used on the sweep thread. A write error ends the recording, not the run.
final class RoutingRecorder {
    private let descriptor: Int32
    private let header: RoutingTrace.Header
    private let sparseIndex: [Int?]
    private var buffer: [UInt8]
    private var hasFailed = false

    /// Size of the buffer in bytes. A killed process loses about a hundred sweeps.
    private static let bufferBytes = 1 << 16

    /// - Throws: `WholeFile.Failure` when the file cannot be made; `ConfigurationProblem` for a model without experts.
    init(_ path: String, _ engine: Engine) throws {
        let shape = engine.model.configuration.shape
        guard shape.expertsPerLayer > 0 else {
            throw ConfigurationProblem("--trace-routing: the model has no experts")
        }
        sparseIndex = shape.sparseIndex
        header = RoutingTrace.Header(
            layers: shape.sparseLayers, perLayer: shape.expertsPerLayer, expertByteCount: engine.expertByteCount)
        buffer = header.bytes
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw WholeFile.Failure(path: path, errno: errno) }
    }

    deinit {
        write()
        close(descriptor)
    }

    func record(_ use: ExpertUse) {
        guard !hasFailed, let sparse = sparseIndex[use.layer] else { return }
        buffer += header.bytes(of: .init(layer: sparse, rows: use.rows, experts: use.experts))
        if buffer.count >= Self.bufferBytes { write() }
    }

    private func write() {
        var written = 0
        while written < buffer.count, !hasFailed {
            let count = unsafe buffer[written...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 {
                hasFailed = true
                Host.printError("moed: --trace-routing: \(unsafe String(cString: strerror(errno)))")
            }
            written += count
        }
        buffer = []
    }
}

extension Engine {
    /// Records the routing to a file from now on; a nil path records nothing.
    package func recordRouting(to path: String?) throws {
        guard let path else { return }
        let recorder = try RoutingRecorder(path, self)
        observeRouting { recorder.record($0) }
    }
}
