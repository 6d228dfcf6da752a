# ExUnit formatter that writes one JSON object per line: each finished test, failed modules, the end of the suite.
# Run in the project's own VM; needs nothing but what ships with Elixir 1.14 and later.
defmodule Aiex.ResultLines do
  @moduledoc false
  use GenServer

  @impl true
  def init(_options) do
    {:ok, File.open!(System.fetch_env!("AIEX_RESULTS"), [:append, :utf8])}
  end

  @impl true
  def handle_cast({:test_finished, test}, file) do
    {state, message} = state(test)

    line(file,
      event: "test",
      module: inspect(test.module),
      name: to_string(test.name),
      describe: test.tags[:describe],
      state: state,
      message: message,
      file: test.tags[:file] && Path.relative_to_cwd(test.tags[:file]),
      line: test.tags[:line] || 0,
      time_us: test.time
    )

    {:noreply, file}
  end

  def handle_cast({:module_finished, %{state: {:failed, failures}} = module}, file) do
    message = ExUnit.Formatter.format_test_all_failure(module, failures, 1, 100, &plain/2)
    line(file, event: "module", module: inspect(module.name), message: message)
    {:noreply, file}
  end

  def handle_cast({:suite_finished, _times}, file) do
    line(file, event: "finished")
    {:noreply, file}
  end

  def handle_cast(_event, file), do: {:noreply, file}

  defp state(%{state: nil}), do: {"passed", nil}

  defp state(%{state: {:failed, failures}} = test),
    do: {"failed", ExUnit.Formatter.format_test_failure(test, failures, 1, 100, &plain/2)}

  defp state(%{state: {:skipped, reason}}), do: {"skipped", to_string(reason)}
  defp state(%{state: {:excluded, reason}}), do: {"excluded", to_string(reason)}
  defp state(%{state: {:invalid, _module}}), do: {"invalid", "setup_all failed"}

  defp plain(_key, text), do: text

  defp line(file, fields) do
    body = Enum.map_join(fields, ",", fn {key, value} ->
        IO.iodata_to_binary([json(to_string(key)), ":", json(value)])
      end)
    IO.write(file, ["{", body, "}\n"])
  end

  defp json(nil), do: "null"
  defp json(value) when is_integer(value), do: Integer.to_string(value)

  defp json(text) do
    text = if String.valid?(text), do: text, else: inspect(text)
    [?", for(<<character::utf8 <- text>>, do: escaped(character)), ?"]
  end

  defp escaped(?"), do: "\\\""
  defp escaped(?\\), do: "\\\\"
  defp escaped(?\n), do: "\\n"

  defp escaped(character) when character < 32 or character in [0x2028, 0x2029],
    do: ["\\u", character |> Integer.to_string(16) |> String.pad_leading(4, "0")]

  defp escaped(character), do: <<character::utf8>>
end
