//! The probe: a test file that tries every candidate call and prints what happened, one JSON object per line.

use super::{CandidateCall, Plan, Purpose, TestProposal};
use crate::literal::quote;

/// Gives the source of the probe file. It always passes; what counts is what it prints (see [`super::read_observations`]).
///
/// Each call runs twice in a process of its own with a time limit of one second and a heap limit.
pub fn probe_script(proposal: &TestProposal) -> String {
    let calls = |wanted: fn(&CandidateCall) -> bool| -> String {
        let rows = proposal
            .calls
            .iter()
            .filter(|call| wanted(call))
            .map(|call| row(proposal, call));
        rows.collect::<Vec<_>>().join(",\n")
    };
    let compiled = calls(|call| matches!(call.purpose, Purpose::Compile { .. }));
    let called = calls(|call| !matches!(call.purpose, Purpose::Compile { .. }));
    SCRIPT
        .replace("<module>", &proposal.module)
        .replace("<doctests>", &compiled)
        .replace("<calls>", &called)
}

fn row(proposal: &TestProposal, call: &CandidateCall) -> String {
    let source = match &call.purpose {
        Purpose::Compile { test } => {
            let plan = proposal
                .tests
                .iter()
                .find(|t| t.id == *test)
                .map(|t| &t.plan);
            doctest_options(plan)
        }
        _ => call.expression.clone(),
    };
    format!(
        "      {{{}, {}, {}}}",
        quote(&call.id),
        quote(&call.function),
        quote(&source)
    )
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
  @text_limit_bytes 4_000

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

  def compile({id, _function, options}, number) do
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

  # A function that once took too long is not called again.
  def try_call({id, function, source}, slow) do
    if function in slow do
      report(id, outcome: "timed_out", text: "")
      slow
    else
      case attempt(source) do
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
      {"too_long", ""}
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
    rest = Enum.map(fields, fn {key, value} -> ", " <> json(Atom.to_string(key)) <> ": " <> json(value) end)
    IO.puts(["\n{\"aiex_probe\": ", json(id), rest, "}"])
  end

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
