package import MoedReading
package import MoedCore
import MoedEngine
import MoedHost
package import MoedLocal

/// Sweep measurements of `moed bench`, as a table and as JSON.
package struct BenchReport: Sendable {
    package var model: String
    /// Number of measured layers; `fullLayers` is that of the published model.
    package var layers: Int
    package var fullLayers: Int
    package var threads: Int
    package var kernels: String
    package var peaks: MachinePeaks
    package var measurements: [SweepMeasurement]
    /// Method and speed of expert reads; nil when all experts are in memory.
    package var disk: DiskReport?
    /// Sweeps with and without adapters; empty without adapters.
    package var adapterCosts: [AdapterCost] = []

    /// The machine's peaks with the memory speed at the time of the measurement.
    private func peaks(of measurement: SweepMeasurement) -> MachinePeaks {
        var peaks = peaks
        peaks.read = measurement.readRate
        return peaks
    }

    package var lines: [String] {
        var header = [
            "run", "tokens/s", "spread", "ms", "Gop/s", "GB/s", "of limit", "bound by", "of int8 peak",
            "mem GB/s",
            "others",
        ]
        if fullLayers > layers { header.append("\(fullLayers) layers: tokens/s") }
        if disk != nil { header += StreamingUse.header }
        var table = TextTable(header: header)
        for item in measurements {
            let seconds = item.seconds.median
            let limit = peaks(of: item).limit(item.cost)
            let rate = item.cost.operations / seconds
            var row = [
                "\(item.kind.rawValue) \(item.tokens)", HumanText.figure(item.tokensPerSecond),
                HumanText.percent(item.seconds.spread), HumanText.figure(seconds * 1000),
                HumanText.figure(rate / 1e9), HumanText.figure(item.cost.bytes / seconds / 1e9),
                HumanText.percent(limit.seconds / seconds), limit.bound.rawValue,
                peaks.int8 > 0 ? HumanText.percent(rate / peaks.int8) : "–",
                HumanText.figure(item.readRate / 1e9),
                item.others.map(HumanText.percent) ?? "–",
            ]
            if fullLayers > layers {
                row.append(HumanText.figure(item.tokensPerSecond(layers: layers, of: fullLayers)))
            }
            if let disk {
                row += item.streaming?.columns(probe: disk.bytesPerSecond) ?? StreamingUse.header.map { _ in "–" }
            }
            table.add(row)
        }
        return [
            "\(model), \(threads) threads, kernels \(kernels)",
            "peaks: int8 \(HumanText.figure(peaks.int8 / 1e9)), bf16 \(HumanText.figure(peaks.bf16 / 1e9)), "
                + "f32 \(HumanText.figure(peaks.f32 / 1e9)) Gop/s; memory \(HumanText.figure(peaks.read / 1e9)) GB/s",
            "",
        ] + table.lines + AdapterCost.lines(adapterCosts)
    }

    package var json: JSONValue {
        let runs = measurements.map { item -> JSONValue in
            let seconds = item.seconds.median
            let limit = peaks(of: item).limit(item.cost)
            var run = JSONObject([
                ("kind", .string(item.kind.rawValue)), ("tokens", .integer(Int64(item.tokens))),
                ("context", .integer(Int64(item.context))),
                ("seconds", .array(item.seconds.values.map { .double($0) })),
                ("seconds_without_output", .array(item.layersSeconds.values.map { .double($0) })),
                ("tokens_per_second", .double(item.tokensPerSecond)),
                ("spread", .double(item.seconds.spread)),
                ("operations", .double(item.cost.operations)), ("bytes", .double(item.cost.bytes)),
                ("operations_per_second", .double(item.cost.operations / seconds)),
                ("bytes_per_second", .double(item.cost.bytes / seconds)),
                ("of_limit", .double(limit.seconds / seconds)), ("bound_by", .string(limit.bound.rawValue)),
                ("memory_bytes_per_second", .double(item.readRate)),
                ("others_cpu", item.others.map { .double($0) } ?? .null),
            ])
            if fullLayers > layers {
                run["tokens_per_second_full_model"] = .double(
                    item.tokensPerSecond(layers: layers, of: fullLayers))
            }
            if let use = item.streaming { run["streaming"] = use.json }
            return .object(run)
        }
        return [
            "model": .string(model), "layers": .integer(Int64(layers)),
            "full_layers": .integer(Int64(fullLayers)),
            "threads": .integer(Int64(threads)), "kernels": .string(kernels),
            "peaks": [
                "int8_operations_per_second": .double(peaks.int8),
                "bf16_operations_per_second": .double(peaks.bf16),
                "f32_operations_per_second": .double(peaks.f32),
                "memory_bytes_per_second": .double(peaks.read),
            ],
            "disk": disk.map {
                [
                    "access": .string($0.access), "method": .string($0.method), "depth": .integer(Int64($0.depth)),
                    "bytes_per_second": .double($0.bytesPerSecond),
                ]
            } ?? .null,
            "runs": .array(runs), "adapters": .array(adapterCosts.map(\.json)),
        ]
    }
}
