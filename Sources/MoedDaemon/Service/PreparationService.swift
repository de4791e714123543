import Logging
import MoedBatching
import MoedCore
import MoedHost
import MoedPostgres
import MoedQueue

/// Makes tasks of claimed jobs on a thread of its own: a prompt of megabytes must not hold up lease or signals.
actor PreparationService {
    private let executor: ThreadExecutor
    private let preparer: RequestPreparer
    private let inference: InferenceService
    private let inbox: Inbox
    private let modelName: String

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    init(preparer: RequestPreparer, inference: InferenceService, inbox: Inbox, modelName: String) throws {
        executor = try ThreadExecutor(name: "moed-prepare")
        self.preparer = preparer
        self.inference = inference
        self.inbox = inbox
        self.modelName = modelName
    }

    /// Prepares the jobs that come until the stream ends or the task is cancelled.
    func run(_ jobs: AsyncStream<ClaimedJob>) async {
        for await job in jobs {
            switch prepare(job) {
            case .success(let task):
                inference.submit([task])
                inbox.put([.prepared(job.lease.job)])
            case .failure(let error):
                inbox.put([.refused(job.lease.job, error)])
            }
        }
    }

    /// A job without a seed is seeded with its id: running it again gives the same answer.
    private func prepare(_ job: ClaimedJob) -> Result<GenerationTask, RequestError> {
        guard let text = job.body else {
            return .failure(
                RequestError(.promptTooLarge, "the request is longer than \(RequestLimit.bodyBytesMax) bytes")
            )
        }
        let body: JSONValue
        do throws(JSONError) {
            body = try JSONValue(parsing: text)
        } catch {
            return .failure(RequestError(.invalidJSON, error.description))
        }
        return Result { () throws(RequestError) in
            var task = try preparer.prepare(
                try GenerationRequest(body: body), job: job.lease.job, model: job.group.model,
                bucket: job.group.bucket, seed: UInt64(bitPattern: job.lease.job.rawValue), waited: job.waited
            )
            task.saved = job.saved
            return task
        }
    }
}
