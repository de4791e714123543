import MoedCore
import MoedHost
import Yams

extension SettingSources {
    private static let endpointsMax = 64

    /// Reads the list `endpoints`.
    mutating func addEndpoints(_ node: Node, file: String) {
        let origin = node.mark.map { "\(file):\($0.line)" } ?? file
        guard case .sequence(let entries) = node else {
            report("\(origin): endpoints must be a list: each entry begins with “- name: …”")
            return
        }
        guard entries.count <= Self.endpointsMax else {
            report("\(origin): endpoints has more than \(Self.endpointsMax) entries")
            return
        }
        for entry in entries { addEndpoint(entry, file: file) }
    }

    private mutating func addEndpoint(_ node: Node, file: String) {
        let origin = node.mark.map { "\(file):\($0.line)" } ?? file
        guard case .mapping(let mapping) = node else {
            report("\(origin): an entry of endpoints must hold keys such as “name: …” and “url: …”")
            return
        }
        var endpoint = EndpointText(origin: origin)
        for (key, value) in mapping {
            let place = value.mark.map { "\(file):\($0.line)" } ?? origin
            guard let name = key.string, let known = EndpointKey.all.first(where: { $0.name == name }) else {
                let shown = Self.shortened(key.string ?? "")
                let near = HumanText.nearest(to: shown, among: EndpointKey.all.map(\.name), editsMax: 3)
                report("\(place): unknown key \(shown) of an endpoint\(near.map { " (did you mean \($0)?)" } ?? "")")
                continue
            }
            guard case .scalar(let scalar) = value else {
                report("\(place): \(name) of an endpoint must be a single value")
                continue
            }
            if value.null == nil { endpoint.set(known, Value(text: scalar.string, origin: place)) }
        }
        endpoints.append(endpoint)
    }
}
