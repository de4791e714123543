package import MoedBatching
package import MoedCore
package import MoedHost
import MoedPolicy
import MoedText

/// Turns jobs into tasks on its own thread, so that a prompt of megabytes does not delay the lease or signals.
package actor PreparationThread {
    private let executor: ThreadExecutor
    private let preparer: any JobPreparer

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Throws: `HostError` when the system has no thread left.
    package init(_ preparer: any JobPreparer) throws(HostError) {
        executor = try ThreadExecutor(name: "moed-prepare")
        self.preparer = preparer
    }

    private func run(_ job: RunnableJob, _ work: PreparationWork) -> Result<GenerationTask, RequestError> {
        preparer.prepare(job, work)
    }

    /// Advances the counter when the thread can take a preparation. An optimised build would not visit the thread for a
    /// function that does nothing.
    package func answerProbe(_ progress: ProgressCounter) { progress.advance() }

    /// Prepares a job. A cancelled task does not wait for the thread.
    ///
    /// - Returns: nil when the task was cancelled.
    package nonisolated func prepare(
        _ job: RunnableJob, _ work: PreparationWork
    ) async -> Result<GenerationTask, RequestError>? {
        let answer = FirstAnswer<Result<GenerationTask, RequestError>?>()
        Task.detached { answer.give(await self.run(job, work)) }
        return await withTaskCancellationHandler {
            await answer.value
        } onCancel: {
            work.end()
            answer.give(nil)
        }
    }
}

extension RequestPreparer: JobPreparer {
    /// A job without a seed is seeded with its id: running it again gives the same answer.
    package func prepare(_ job: RunnableJob, _ work: PreparationWork) -> Result<GenerationTask, RequestError> {
        guard let text = job.body else { return .failure(bodyTooLarge) }
        let body: JSONValue
        do throws(JSONError) {
            body = try JSONValue(parsing: text, valuesMax: bodyValuesMax)
        } catch {
            guard error.hasTooManyValues else {
                return .failure(RequestError(.invalidJSON, error.description))
            }
            return .failure(bodyHasTooManyValues)
        }
        var preparer = self
        preparer.goesOn = { work.goesOn() }
        if let length = work.contextLength { preparer.limits.contextLength = min(length, limits.contextLength) }
        return Result { () throws(RequestError) in
            let request = try GenerationRequest(body: body)
            let judged = try preparer.judge(request, job)
            var task = try preparer.prepare(
                request, job: job.id, model: job.jobClass.model,
                bucket: job.jobClass.bucket, seed: UInt64(bitPattern: job.id.rawValue), waited: job.waited)
            task.saved = job.saved
            (task.verdicts, task.inquiry) = judged
            return task
        }
    }

    /// Asks rules with patterns about a request.
    ///
    /// - Returns: verdicts that let it pass, and what services are to be asked.
    /// - Throws: `RequestError` with the verdicts of rules that forbid the request.
    private func judge(
        _ request: GenerationRequest, _ job: RunnableJob
    ) throws(RequestError) -> ([ContentVerdict], ContentInquiry?) {
        guard !job.rules.isEmpty else { return ([], nil) }
        let texts = JudgedTexts.input(of: request) { self.text.tokenizer.decode($0) }
        let verdicts = judge.verdicts(of: job.rules, for: job.tenantName, on: .input, texts)
        if let refusal = verdicts.refusal { throw refusal }
        return (verdicts, ContentInquiry(of: job.rules, for: job.tenantName, on: .input, texts))
    }
}

extension GenerationTask {
    /// Events of a job whose request may run.
    package var preparedEvents: [RunnerEvent] {
        [.prepared(job, jobClass.mode)] + (verdicts.isEmpty ? [] : [.judged(job, verdicts)])
    }
}
