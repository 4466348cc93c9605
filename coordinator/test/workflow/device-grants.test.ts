import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const problemsOf = (devices: string) => {
  const text = `kind: workflow
name: flow
steps:
  - id: a
    run: "true"
    grants: { devices: ${devices} }
`;
  return checkSources([{ path: "flow.yaml", text }], () => true).problems;
};

describe("the devices of a step's grants", () => {
  it.each([
    "[iio:accel0]",
    '["gpio:gpiochip0", i2c:i2c-1, "spi:spidev0.0", serial:ttyUSB0, pwm:pwmchip0]',
    '[iio:accel0, { device: "gpio:gpiochip0", access: actuate }]',
    '[{ device: "iio:accel0", access: read }]',
  ])("may be %s", (devices) => expect(problemsOf(devices)).toEqual([]));

  it.each([
    ["gpio", "a class"],
    ["gpio:../mem", "a path"],
    ["gpio:mem", "another file"],
    ["serial:sda", "another file"],
    ["disk:sda", "another class"],
    ['"iio:accel0\\n"', "a line break"],
    ['"iio:.."', "a folder"],
    ["{ device: 'gpio:gpiochip0', access: write }", "another access"],
    ["{ device: 'gpio:gpiochip0' }", "no access"],
    ["{ device: 'gpio:gpiochip0', access: read, pin: 3 }", "another key"],
    ["{ device: 'iio:accel0', access: actuate }", "a sensor to actuate"],
  ])("may not be %s: %s", (device) => {
    const problems = problemsOf(`[${device}]`);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toMatchObject({ file: "flow.yaml", line: 6 });
  });

  it("may not name a device twice, nor none", () => {
    expect(problemsOf("[iio:accel0, iio:accel0]")).toHaveLength(1);
    expect(problemsOf("[]")).toHaveLength(1);
  });
});
