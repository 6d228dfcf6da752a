//! The probe: a test file that tries every candidate call and prints what happened, one JSON object per line.

use super::{CandidateCall, Expect, Plan, Purpose, TestProposal};
use crate::literal::quote;

/// Gives the source of the probe file. It always passes; what counts is what it prints (see [`super::read_observations`]).
///
/// Each call runs twice in a process of its own with a time limit of one second and a heap limit.
pub fn probe_script(proposal: &TestProposal) -> String {
    let rows = |wanted: fn(&Purpose) -> bool| {
        let calls = proposal
            .calls
            .iter()
            .filter(move |call| wanted(&call.purpose));
        calls.map(|call| row(proposal, call))
    };
    let compiled: Vec<String> = rows(|p| matches!(p, Purpose::Compile { .. })).collect();
    // What decides over a whole test comes first: the output may not reach to the end.
    let called: Vec<String> = rows(|p| matches!(p, Purpose::Row { .. }))
        .chain(rows(|p| matches!(p, Purpose::Record { .. })))
        .collect();
    SCRIPT
        .replace("<module>", &proposal.module)
        .replace("<doctests>", &compiled.join(",\n"))
        .replace("<calls>", &called.join(",\n"))
}

fn row(proposal: &TestProposal, call: &CandidateCall) -> String {
    let (show, source) = match &call.purpose {
        Purpose::Compile { test } => {
            let plan = proposal
                .tests
                .iter()
                .find(|t| t.id == *test)
                .map(|t| &t.plan);
            ("quiet", doctest_options(plan))
        }
        Purpose::Row {
            expect: Expect::Anything,
            ..
        } => ("quiet", call.expression.clone()),
        _ => ("show", call.expression.clone()),
    };
    let (id, function, source) = (quote(&call.id), quote(&call.function), quote(&source));
    format!("      {{{id}, {function}, :{show}, {source}}}")
}

fn doctest_options(plan: Option<&Plan>) -> String {
    let Some(Plan::Doctest {
        name,
        arity,
        import,
    }) = plan
    else {
        return "[]".to_owned();
    };
    let only = match arity {
        Some(arity) => format!("[{name}: {arity}]"),
        None => "[:moduledoc]".to_owned(),
    };
    format!("only: {only}, import: {import}")
}

/// Written for Elixir 1.14 and later, with nothing but the standard library.
const SCRIPT: &str = r#"defmodule Aiex.Probe do
  @time_limit_ms 1_000
  @heap_limit_words 16_000_000
  @text_limit_bytes 800
  @output_limit_bytes 36_000

  def doctests do
    [
<doctests>
    ]
  end

  def calls do
    [
<calls>
    ]
  end

  def compile({id, _function, _show, options}, number) do
    source = """
    defmodule Aiex.ProbeDoctest#{number}Test do
      use ExUnit.Case
      doctest <module>, #{options}
    end
    """

    try do
      Code.compile_string(source)
      report(id, outcome: "compiled")
    rescue
      error -> report(id, outcome: "raised", text: inspect(error.__struct__))
    catch
      _, _ -> report(id, outcome: "raised", text: "exit")
    end
  end

  # A function that once took too long is not called again; nothing is called that could not be reported.
  def try_call({id, function, show, source}, slow) do
    cond do
      printed_bytes() > @output_limit_bytes ->
        slow

      function in slow ->
        report(id, outcome: "timed_out")
        slow

      true ->
        case attempt(source) do
          {:value, _, _} when show == :quiet ->
            report(id, outcome: "value")
            slow

          {:value, text, readable} ->
            stable = match?({:value, ^text, _}, attempt(source))
            report(id, outcome: "value", text: text, stable: stable, readable: readable)
            slow

          {outcome, text} ->
            report(id, outcome: outcome, text: text)
            if outcome == "timed_out", do: [function | slow], else: slow
        end
    end
  end

  defp attempt(source) do
    parent = self()
    tag = make_ref()
    work = fn -> send(parent, {tag, evaluate(source)}) end
    limit = %{size: @heap_limit_words, kill: true, error_logger: false}
    {pid, monitor} = Process.spawn(work, [:monitor, {:max_heap_size, limit}])

    receive do
      {^tag, answer} ->
        Process.demonitor(monitor, [:flush])
        answer

      {:DOWN, ^monitor, :process, ^pid, _reason} ->
        {"exited", ""}
    after
      @time_limit_ms ->
        Process.exit(pid, :kill)
        Process.demonitor(monitor, [:flush])
        {"timed_out", ""}
    end
  end

  defp evaluate(source) do
    {:ok, device} = StringIO.open("")
    Process.group_leader(self(), device)
    {value, _} = Code.eval_string("require <module>\n" <> source)
    text = inspect(value, limit: :infinity, printable_limit: :infinity)

    if byte_size(text) > @text_limit_bytes do
      {:value, "", false}
    else
      {:value, text, readable?(text, value)}
    end
  rescue
    error -> {"raised", inspect(error.__struct__)}
  catch
    kind, _ -> {"exited", inspect(kind)}
  end

  defp readable?(text, value) do
    {again, _} = Code.eval_string(text)
    again === value
  rescue
    _ -> false
  catch
    _, _ -> false
  end

  defp report(id, fields) do
    rest = Enum.map(fields, fn {key, value} -> [", ", json(Atom.to_string(key)), ": ", json(value)] end)
    line = IO.iodata_to_binary(["{\"aiex_probe\": ", json(id), rest, "}"])
    :persistent_term.put(__MODULE__, printed_bytes() + byte_size(line) + 2)
    IO.puts(["\n", line])
  end

  # Doctests are compiled in another process than calls are made in.
  defp printed_bytes, do: :persistent_term.get(__MODULE__, 0)

  defp json(value) when is_boolean(value), do: Atom.to_string(value)

  defp json(text) do
    text = if String.valid?(text), do: text, else: inspect(text)
    "\"" <> for(<<char::utf8 <- text>>, into: "", do: escape(char)) <> "\""
  end

  defp escape(char) when char in [?", ?\\], do: <<?\\, char>>

  defp escape(char) when char < 0x20 or char == 0x7F do
    "\\u" <> String.pad_leading(Integer.to_string(char, 16), 4, "0")
  end

  defp escape(char), do: <<char::utf8>>
end

for {doctest, number} <- Enum.with_index(Aiex.Probe.doctests()) do
  Aiex.Probe.compile(doctest, number)
end

defmodule Aiex.ProbeTest do
  use ExUnit.Case, async: false

  @tag timeout: 300_000
  test "tries every call" do
    Enum.reduce(Aiex.Probe.calls(), [], &Aiex.Probe.try_call/2)
  end
end
"#;
