import MoedCore
import Yams

/// One entry of the section `adapters`: a name and a directory.
package struct AdapterText: Sendable, Equatable {
    package let name: String
    package let path: String
    /// Place of the entry in the file: `moed.yaml:12`.
    let origin: String

    /// The values without their place.
    var pair: [String] { [name, path] }

    /// Section in the file.
    package static let section = "adapters"
    static let introduction =
        """
        LoRA adapters (PEFT) of the model, each with the name under which jobs ask for it. An adapter is a model of \
        its own for jobs, prices and job classes. Endpoints do not run its jobs. Only the file can set it. SIGHUP \
        loads new adapters and those whose files changed, and removes the others.
        """
    static let example = ("support-v3", "/var/lib/moed/support-v3")
    static let explanation = "Directory with `adapter_config.json` and `adapter_model.safetensors`."
    fileprivate static let entriesMax = 256
    fileprivate static let nameMax = 256
}

extension SettingSources {
    /// Reads the section `adapters`.
    mutating func addAdapters(_ node: Node, file: String) {
        let origin = node.mark.map { "\(file):\($0.line)" } ?? file
        guard case .mapping(let mapping) = node, mapping.count <= AdapterText.entriesMax else {
            report(
                "\(origin): adapters must be a section of at most \(AdapterText.entriesMax) lines such as "
                    + "“support-v3: /path”")
            return
        }
        for (key, value) in mapping {
            let place = (value.mark ?? key.mark).map { "\(file):\($0.line)" } ?? origin
            guard let name = key.string, !name.isEmpty, name.unicodeScalars.count <= AdapterText.nameMax,
                !name.unicodeScalars.contains(where: { $0.value < 32 })
            else {
                report("\(place): a name of adapters must be at most \(AdapterText.nameMax) characters on one line")
                continue
            }
            guard case .scalar(let scalar) = value, value.null == nil, !scalar.string.isEmpty else {
                report("\(place): adapters: \(Self.shortened(name)) must be a directory")
                continue
            }
            adapters.append(AdapterText(name: name, path: scalar.string, origin: place))
        }
    }

    /// Problems of adapters beside the other settings.
    ///
    /// - Parameters:
    ///   - model: name of the model itself.
    ///   - isLocal: true when this machine runs the model.
    package func adapterProblems(model: String, isLocal: Bool) -> [String] {
        var problems: [String] = []
        for adapter in adapters where adapter.name == model || adapter.name == "default" {
            problems.append("\(adapter.origin): adapters: “\(Self.shortened(adapter.name))” is the model's own name")
        }
        if let first = adapters.first, !isLocal {
            problems.append(
                "\(first.origin): adapters run on the local engine, and engine.local is false: endpoints would run "
                    + "their jobs without them")
        }
        return problems
    }
}
